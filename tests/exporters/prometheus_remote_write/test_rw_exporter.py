from __future__ import annotations

import logging
import math
import threading

import pytest
from opentelemetry.exporter.prometheus_remote_write import PrometheusRemoteWriteMetricsExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    PeriodicExportingMetricReader,
)
from peers import wait_until
from rw_data import NOW, Sink, batch, counter, gauge, point, series

from otel_kubecost.component import QueuedExporter, Startable
from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.testing import RemoteWriteReceiver, Reply, hang, is_stale

pytestmark = pytest.mark.timeout(60)

SUCCESS, FAILURE = MetricExportResult.SUCCESS, MetricExportResult.FAILURE


def ended(receiver) -> dict[str, bool]:
    """By pod, whether its series' last sample is a stale marker."""
    return {
        dict(labels)["pod"]: is_stale(points[-1][1]) for labels, points in receiver.series.items()
    }


def test_what_is_written_breaks_no_rule(exporter_to):
    """A receiver that enforces the specification and CloudTuner's rules has nothing to object."""
    data = batch(
        gauge("cost", point({"b.x": "1", "a_": "2", "e": ""}, 0.0), point({"a": "é\n"}, math.nan)),
        counter("requests", point({"n": 1}), unit="By"),
        resource={"tenant.id": "acme", "service.name": "svc", "host.name": "h"},
    )
    with RemoteWriteReceiver(account_id="acme", basic_auth=("u", "p")) as receiver:
        exporter = exporter_to(
            receiver,
            headers={"Cloud-Account-Id": "acme"},
            basic_auth={"username": "u", "password": "p"},
            external_labels={"region": "eu"},
        )
        assert exporter.export(data) is SUCCESS
    assert receiver.violations == []
    names = {dict(labels)["__name__"] for labels in receiver.series}
    assert names == {"cost", "requests_bytes_total", "target_info"}
    assert all(dict(labels)["region"] == "eu" for labels in receiver.series)


def test_it_is_every_interface_that_it_has_to_be(exporter_to):
    """The SDK's exporter, the class it derives from, and a component with a queue."""
    with Sink() as server:
        exporter = exporter_to(server)
    assert isinstance(exporter, MetricExporter)
    assert isinstance(exporter, PrometheusRemoteWriteMetricsExporter)
    assert isinstance(exporter, QueuedExporter)
    assert isinstance(exporter, Startable)


def test_constructing_it_has_no_effect():
    """No thread and no connection: an endpoint that does not exist is no matter."""
    before = threading.active_count()
    exporter = PrometheusRemoteWriteExporter(endpoint="http://nowhere.invalid/")
    assert threading.active_count() == before
    exporter.shutdown()
    assert threading.active_count() == before


def test_enqueue_returns_at_once(exporter_to):
    """A receiver that hangs does not hold up a pipeline."""
    with Sink(Reply(200, hang=True)) as server:
        exporter = exporter_to(server, timeout=1)
        for n in range(5):
            exporter.enqueue(series(1, at=NOW + n))
        assert exporter.stats().accepted == 5
        assert exporter.stats().delivered == 0


def test_a_series_that_leaves_gets_a_stale_marker(exporter_to):
    """It is gone from an instant query at once, whatever took it away."""
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver)
        exporter.export(batch(gauge("cost", point({"pod": "a"}), point({"pod": "b"}))))
        exporter.export(batch(gauge("cost", point({"pod": "a"}, at=NOW + 1000))))
    assert ended(receiver) == {"a": False, "b": True}
    assert receiver.violations == []


def test_streams_do_not_end_each_others_series(exporter_to):
    """Two pipelines bring the same scope with other series: a series has left when it is missing
    in its own stream."""
    a, b = point({"pod": "a"}), point({"pod": "b"})
    later = point({"pod": "a"}, at=NOW + 1000)
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver)
        exporter.enqueue(batch(gauge("cost", a)), "one")
        exporter.enqueue(batch(gauge("cost", b)), "other")
        exporter.enqueue(batch(gauge("cost", later)), "one")
        assert exporter.force_flush()
        assert ended(receiver) == {"a": False, "b": False}
        exporter.enqueue(batch(), "other")
        assert exporter.force_flush()
        assert ended(receiver) == {"a": False, "b": True}
    assert receiver.violations == []


def test_what_is_sent_again_ends_nothing(exporter_to):
    """Corrected values of an earlier time, in no stream: series that they lack live on, and those
    that they had are not missed afterwards."""
    a, b, c = (point({"pod": pod}, at=NOW) for pod in "abc")
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver)
        exporter.enqueue(batch(gauge("cost", a, b)), "live")
        exporter.enqueue(batch(gauge("cost", c)), None)
        exporter.enqueue(batch(gauge("cost", a)), None)
        exporter.enqueue(batch(gauge("cost", a, b)), "live")
        assert exporter.force_flush()
        assert ended(receiver) == {"a": False, "b": False, "c": False}
    assert receiver.violations == []


def test_the_oldest_that_waits_is_known(exporter_to):
    """In seconds; what a shutdown leaves behind never arrives."""
    with Sink(503, 503) as server:
        exporter = exporter_to(server, queue_config={"min_backoff": "1m", "max_backoff": "1m"})
        assert exporter.oldest_pending is None
        exporter.enqueue(series(1, at=NOW + 5000))
        exporter.enqueue(series(1, at=NOW + 9000))
        assert exporter.oldest_pending == NOW / 1000 + 5
        assert server.wait_for(1)
        exporter.shutdown(timeout_millis=0)
        assert exporter.oldest_pending == NOW / 1000 + 5


def test_stale_markers_can_be_left_out(exporter_to):
    """``stale_markers: false`` sends none."""
    with Sink() as server:
        exporter = exporter_to(server, stale_markers=False)
        exporter.export(batch(gauge("cost", point({"pod": "a"}), point({"pod": "b"}))))
        exporter.export(batch(gauge("cost", point({"pod": "a"}, at=NOW + 1000))))
    assert sum(map(len, server.samples.values())) == 3


def test_series_that_were_never_sent_get_no_marker(exporter_to):
    """What relabelling drops is not mourned."""
    drop = {"action": "drop", "source_labels": ["pod"], "regex": "b"}
    with Sink() as server:
        exporter = exporter_to(server, write_relabel_configs=[drop])
        exporter.export(batch(gauge("cost", point({"pod": "a"}), point({"pod": "b"}))))
        exporter.export(batch(gauge("cost", point({"pod": "a"}, at=NOW + 1000))))
    assert list(server.values) == ['cost{pod="a"}']


@pytest.mark.parametrize("status", [401, 403, 404, 405, 422, 307])
def test_a_mistake_of_the_configuration_keeps_the_data(exporter_to, status, caplog):
    """``export`` fails at once, later ones too, and everything is there when it is mended."""
    with Sink(status) as server:
        exporter = exporter_to(server)
        assert exporter.export(series(2)) is FAILURE
        assert exporter.export(series(3, at=NOW + 1)) is FAILURE
        assert exporter.force_flush() is False
        assert exporter.stats()[:4] == (5, 0, 5, {})
        exporter.shutdown()
    assert exporter.stats().delivered == 5
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "kept" in line.message
    assert line.hint


def test_too_large_a_request_is_halved_until_it_fits(exporter_to):
    """413 splits; every series still arrives, once."""
    with Sink(413, 413) as server:
        assert exporter_to(server).export(series(8)) is SUCCESS
    assert [len(message.timeseries) for message in server.messages] == [8, 4, 2, 2, 4]
    stored = [one for message in server.messages[2:] for one in message.timeseries]
    assert len({one.SerializeToString() for one in stored}) == 8


def test_429_is_dropped_where_that_was_asked_for(exporter_to):
    """``retry_on_http_429: false`` is what Prometheus understands by it."""
    with Sink(429) as server:
        exporter = exporter_to(server, queue_config={"retry_on_http_429": "false"})
        assert exporter.export(series(1)) is FAILURE
        assert exporter.stats().dropped == {"status_429": 1}


def test_an_answer_that_is_lost_does_no_harm(exporter_to):
    """A request that was stored though its answer was lost is sent again: nothing is twice."""
    with RemoteWriteReceiver() as receiver:
        receiver.script([hang])
        assert exporter_to(receiver, timeout=0.3).export(series(3)) is SUCCESS
    assert receiver.violations == []
    assert {len(points) for points in receiver.series.values()} == {1}


def test_batches_arrive_oldest_first_after_an_outage(exporter_to):
    """What was queued while the receiver was away comes in order, and all of it."""
    receiver = RemoteWriteReceiver()
    with receiver:
        exporter = exporter_to(receiver)
    for n in range(10):
        exporter.enqueue(series(5, at=NOW + n))
    with receiver:
        assert exporter.force_flush(30_000) is True
    assert receiver.violations == []
    assert {len(points) for points in receiver.series.values()} == {10}


def test_a_full_queue_keeps_the_newest(exporter_to):
    """Beyond ``capacity`` the oldest requests go, and are counted."""
    receiver = RemoteWriteReceiver()
    with receiver:
        exporter = exporter_to(receiver, queue_config={"capacity": 20})
    for n in range(10):
        exporter.enqueue(series(5, at=NOW + n))
    stats = exporter.stats()
    assert stats.accepted == 50 == stats.pending + sum(stats.dropped.values())
    with receiver:
        assert exporter.force_flush(30_000) is True
    assert set(exporter.stats().dropped) == {"queue_full"}
    newest = {points[-1][0] for points in receiver.series.values()}
    assert newest == {NOW + 9}


def test_a_batch_larger_than_the_queue_arrives_mark_after_mark(exporter_to, caplog):
    """A cluster of more samples than ``capacity`` loses nothing to a receiver that keeps up."""
    queue = {"capacity": 50, "max_samples_per_send": 10}
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver, queue_config=queue)
        for n in range(5):
            exporter.enqueue(series(90, at=NOW + n))
            exporter.enqueue(batch(gauge("up", point({}, at=NOW + n)), scope="agent"))
            assert exporter.force_flush(30_000)
    assert exporter.stats()[:5] == (455, 455, 0, {}, "")
    assert caplog.records == []


def test_the_shutdown_sends_what_waits_and_says_what_is_lost(exporter_to, caplog):
    """In the time given it delivers; beyond it counts and says so, once."""
    with Sink() as server:
        exporter = exporter_to(server)
        exporter.enqueue(series(4))
        exporter.shutdown(timeout=30_000)
    assert exporter.stats().delivered == 4
    lost = exporter_to(server)
    lost.enqueue(series(3))
    lost.shutdown(timeout_millis=100)
    lost.shutdown()
    wait_until(lambda: lost.stats().dropped == {"shutdown": 3})
    (line,) = [record for record in caplog.records if "before the end" in record.message]
    assert line.samples == 3


def test_nothing_is_taken_after_the_shutdown(exporter_to, caplog):
    """``export`` fails and ``enqueue`` says that the batch is lost; nothing is sent."""
    with Sink() as server:
        exporter = exporter_to(server)
        exporter.shutdown()
        assert exporter.export(series(1)) is FAILURE
        exporter.enqueue(series(1))
    assert server.requests == []
    assert "after the shutdown" in caplog.text


def test_it_works_under_a_reader_of_the_sdk(exporter_to):
    """A MeterProvider writes through it, flushes and shuts it down."""
    with RemoteWriteReceiver() as receiver:
        reader = PeriodicExportingMetricReader(exporter_to(receiver), math.inf)
        provider = MeterProvider([reader], shutdown_on_exit=False)
        meter = provider.get_meter("test")
        meter.create_counter("jobs").add(3, {"queue": "a"})
        meter.create_histogram("latency", unit="s").record(0.2)
        assert provider.force_flush()
        provider.shutdown()
    assert receiver.violations == []
    values = {dict(labels)["__name__"]: points[-1][1] for labels, points in receiver.series.items()}
    assert values["jobs_total"] == 3
    assert values["latency_seconds_count"] == 1


def test_metadata_goes_before_the_samples_at_its_interval(exporter_to):
    """One request with each family once, then none until the interval is over."""
    with Sink() as server:
        exporter = exporter_to(server, metadata_config={"send": True, "send_interval": "1h"})
        exporter.export(batch(gauge("a"), gauge("b")))
        exporter.export(batch(gauge("a", point({}, at=NOW + 1))))
    assert [len(message.metadata) for message in server.messages] == [2, 0, 0, 0]
    first = server.messages[0].metadata[0]
    assert (first.metric_family_name, first.help) == ("a", "About a")


def test_metadata_does_not_queue_up(exporter_to):
    """While samples wait, metadata is not sent: it will be repeated, and they will not."""
    server = Sink()
    with server:
        exporter = exporter_to(server, metadata_config={"send": True, "send_interval": "1ms"})
    for n in range(50):
        exporter.enqueue(series(1, at=NOW + n))
    with server:
        assert exporter.force_flush(30_000) is True
    assert len([message for message in server.messages if message.metadata]) == 1


def test_the_rule_of_the_guide_decides_what_is_sent(exporter_to):
    """``write_relabel_configs`` is applied after names are made."""
    keep = {
        "source_labels": ["__name__"],
        "regex": "(kubecost_.*|cloudtuner_kubecost_.*|up)",
        "action": "keep",
    }
    with Sink() as server:
        exporter = exporter_to(server, write_relabel_configs=[keep])
        exporter.export(batch(gauge("cloudtuner.kubecost.cost"), gauge("other"), gauge("up")))
        assert exporter.export(batch(gauge("other"))) is SUCCESS
    assert set(server.values) == {"cloudtuner_kubecost_cost", "up"}


def test_no_secret_is_ever_logged(exporter_to, caplog, tmp_path):
    """Passwords stay out of every line, whatever goes wrong."""
    caplog.set_level(logging.DEBUG)
    password = tmp_path / "password"
    password.write_text("hunter2")
    given = {"username": "u", "password_file": str(password)}
    with Sink(401, 500, 400, Reply(302, headers={"Location": "http://u:hunter2@x/"})) as server:
        exporter = exporter_to(server, basic_auth=given, headers={"X-Key": "hunter3"})
        for n in range(4):
            exporter.export(series(1, at=NOW + n), timeout_millis=500)
        exporter.shutdown(timeout_millis=500)
    password.unlink()
    exporter = exporter_to(server, basic_auth=given)
    exporter.export(series(1), timeout_millis=100)
    text = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert "cannot be read" in text
    assert "hunter" not in text
    assert "dTpodW50ZXIy" not in text  # base64 of u:hunter2


def test_batches_from_several_threads_are_all_sent(exporter_to):
    """Translation and queueing are one at a time; nothing is mixed up or lost."""
    points = [point({"n": str(n)}) for n in range(20)]
    batches = [batch(gauge(f"m{n}", *points), scope=f"scope {n}") for n in range(8)]
    with RemoteWriteReceiver() as receiver:
        exporter = exporter_to(receiver)
        threads = [threading.Thread(target=exporter.export, args=[data]) for data in batches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert receiver.violations == []
    assert exporter.stats()[:2] == (160, 160)
    assert len(receiver.series) == 160
