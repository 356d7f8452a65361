"""What a real Prometheus makes of what it does not take, and of remote write 2.0."""

import logging

import pytest
from opentelemetry.sdk.metrics.export import MetricExportResult
from peers import Prometheus
from rw_data import NOW, batch, gauge, point

from otel_kubecost.clock import SystemClock
from otel_kubecost.exporters.prometheus_remote_write import (
    PrometheusRemoteWriteExporter,
    PrometheusRemoteWriteOptions,
)
from otel_kubecost.exporters.prometheus_remote_write.client import RemoteWriteClient
from otel_kubecost.exporters.prometheus_remote_write.codec import encode
from otel_kubecost.exporters.prometheus_remote_write.config import V2
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.queue import SendingQueue
from otel_kubecost.exporters.sending.store import MemoryStore
from otel_kubecost.exporters.series.model import Family, Sample, Series, Type

pytestmark = pytest.mark.peers


def costs(pods, value, at=NOW):
    return batch(gauge("cost", *(point({"pod": f"p{n:03}"}, value, at) for n in pods)))


def stored(prometheus, at=NOW):
    found = prometheus.query("cost", at=at / 1000)
    return {one["metric"]["pod"]: float(one["value"][1]) for one in found}


def test_a_duplicate_costs_its_series_alone(tmp_path):
    """Prometheus stores nothing of a request with one conflict; the others arrive all the same,
    and the same sample with the same value is no conflict."""
    with Prometheus(tmp_path) as prometheus:
        exporter = PrometheusRemoteWriteExporter(endpoint=prometheus.write_url)
        assert exporter.export(costs([270], 1.0)) is MetricExportResult.SUCCESS
        assert exporter.export(costs([270], 1.0)) is MetricExportResult.SUCCESS
        assert exporter.export(costs(range(540), 2.0)) is MetricExportResult.FAILURE
        exporter.shutdown()
        found = stored(prometheus)
    assert exporter.stats()[:5] == (542, 541, 0, {"duplicate": 1}, "")
    assert found == {f"p{n:03}": 1.0 if n == 270 else 2.0 for n in range(540)}


def test_a_replay_is_settled_quietly(tmp_path, caplog):
    """Case 54: what a second agent sends again, behind newer samples, is refused as a whole and
    settled; nothing is held and nobody is warned."""
    caplog.set_level(logging.INFO)
    with Prometheus(tmp_path) as prometheus:
        one, other = (
            PrometheusRemoteWriteExporter(endpoint=prometheus.write_url) for _ in range(2)
        )
        for mark in range(20):
            one.export(costs(range(30), 1.0, NOW + mark))
        for mark in range(20):
            other.enqueue(costs(range(30), 1.0, NOW + mark))
        assert other.force_flush()
        one.shutdown()
        other.shutdown()
        found = stored(prometheus, NOW + 20)
    assert len(found) == 30
    assert one.stats()[:5] == (600, 600, 0, {}, "")
    assert other.stats()[:5] == (600, 30, 0, {"out_of_order": 570}, "")
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_a_series_that_prometheus_cannot_take_is_found(tmp_path, caplog):
    """Case 42: a label twice is a 500 for the whole request, for ever. 539 series arrive."""
    names = [("__name__", "cost"), ("pod", "p270")]
    labels = [(("__name__", "cost"), ("pod", f"p{n:03}")) for n in range(540)]
    labels[270] = (*names, ("pod", "p271"))
    everything = Family("cost", Type.GAUGE, [Series(one, (Sample(NOW, 1.0),)) for one in labels])
    with Prometheus(tmp_path) as prometheus:
        clock = SystemClock()
        options = PrometheusRemoteWriteOptions(endpoint=prometheus.write_url)
        client = RemoteWriteClient(options, clock)
        queue = SendingQueue(
            client.send, store=MemoryStore(999), clock=clock, episodes=Episodes(clock)
        )
        queue.put_all(list(encode([everything], 10_000)))
        assert queue.drain(60)
        queue.close(10)
        client.close()
        found = stored(prometheus)
    assert queue.stats()[:5] == (540, 539, 0, {"refused": 1}, "")
    assert len(found) == 539
    (line,) = [record for record in caplog.records if hasattr(record, "series")]
    assert line.series == ['cost{pod="p270", pod="p271"}']
    assert "is not unique" in line.message


def test_what_it_drops_without_a_word_is_sent_again_as_1_0(tmp_path, caplog):
    """It answers 204 to 2.0 and stores nothing: everything is there all the same, at once."""
    first = batch(gauge("cost", point({"pod": "a"}, 1.0), point({"pod": "b"}, 2.0)))
    second = batch(gauge("cost", point({"pod": "a"}, 3.0, NOW + 1000)))
    with Prometheus(tmp_path) as prometheus:
        exporter = PrometheusRemoteWriteExporter(endpoint=prometheus.write_url, protobuf_message=V2)
        assert exporter.export(first) is MetricExportResult.SUCCESS
        assert exporter.export(second) is MetricExportResult.SUCCESS
        exporter.shutdown()
        found = prometheus.query("cost[1m]", at=NOW / 1000 + 1)
    assert exporter.stats()[:5] == (4, 4, 0, {}, "")
    values = {one["metric"]["pod"]: [value for _, value in one["values"]] for one in found}
    assert (values["a"], values["b"][0]) == (["1", "3"], "2")
    assert caplog.text.count("does not know remote write 2.0 (204)") == 1
