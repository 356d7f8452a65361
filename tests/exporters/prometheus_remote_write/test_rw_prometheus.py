"""What a real Prometheus makes of a conflict, and one from before 2.54 of remote write 2.0."""

import pytest
from opentelemetry.sdk.metrics.export import MetricExportResult
from peers import Prometheus
from rw_data import NOW, batch, gauge, point

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.exporters.prometheus_remote_write.config import V2

pytestmark = pytest.mark.peers


def test_a_duplicate_rolls_the_whole_request_back(tmp_path):
    """Prometheus stores nothing of a request with one conflict, and that is what is booked; the
    same sample with the same value is no conflict."""
    first = batch(gauge("cost", point({"pod": "a"}, 1.0)))
    conflict = batch(gauge("cost", point({"pod": "a"}, 2.0), point({"pod": "b"}, 2.0)))
    with Prometheus(tmp_path) as prometheus:
        exporter = PrometheusRemoteWriteExporter(endpoint=prometheus.write_url)
        assert exporter.export(first) is MetricExportResult.SUCCESS
        assert exporter.export(first) is MetricExportResult.SUCCESS
        assert exporter.export(conflict) is MetricExportResult.FAILURE
        exporter.shutdown()
        found = prometheus.query("cost", at=NOW / 1000)
    assert exporter.stats() == (4, 2, 0, {"duplicate": 2}, "")
    assert [(one["metric"]["pod"], one["value"][1]) for one in found] == [("a", "1")]


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
    assert exporter.stats() == (4, 4, 0, {}, "")
    values = {one["metric"]["pod"]: [value for _, value in one["values"]] for one in found}
    assert (values["a"], values["b"][0]) == (["1", "3"], "2")
    assert caplog.text.count("does not know remote write 2.0 (204)") == 1
