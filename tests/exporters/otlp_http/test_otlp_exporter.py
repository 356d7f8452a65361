"""The exporter against receivers that are real servers: what arrives, and what is kept."""

import gzip
import logging
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from authority import Authority
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from otlp_data import NOW, PROTOBUF, OtlpReceiver, batch, columns, gauge, refusing, series
from peers import wait_until

from otel_kubecost.component import Adopting, QueuedExporter, Startable
from otel_kubecost.errors import ConfigError
from otel_kubecost.exporters.otlp_http import OtlpHttpExporter
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.pdata import each_metric
from otel_kubecost.service import Service
from otel_kubecost.testing import Audit, FakeClock, FakeKubecost, HttpServer, Reply
from otel_kubecost.testing.faults import login_page, login_redirect

pytestmark = pytest.mark.timeout(60)

SUCCESS, FAILURE = MetricExportResult.SUCCESS, MetricExportResult.FAILURE


def joined(*batches):
    return MetricsData([one for data in batches for one in data.resource_metrics])


def test_it_is_what_a_pipeline_and_a_service_ask_for():
    """It starts, has a queue of its own and goes on where another one stopped."""
    exporter = OtlpHttpExporter(endpoint="http://127.0.0.1:9")
    assert all(isinstance(exporter, one) for one in (Startable, QueuedExporter, Adopting))


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_a_batch_arrives(exporter_to, compression):
    """With its tenants' resources, at the path of OTLP, as the headers say."""
    tenants = [
        batch(columns("cost", ["x", "y"], currency="USD"), resource={"tenant.id": tenant})
        for tenant in ("one", "two")
    ]
    with OtlpReceiver() as receiver:
        exporter = exporter_to(receiver, compression=compression, headers={"X-Scope": "a"})
        assert exporter.export(joined(*tenants)) is SUCCESS
        (request,) = receiver.requests
    assert (request.method, request.path) == ("POST", "/v1/metrics")
    assert request.headers["Content-Type"] == PROTOBUF
    assert request.headers["Content-Encoding"] == ("gzip" if compression == "gzip" else None)
    assert request.headers["X-Scope"] == "a"
    assert request.headers["User-Agent"].startswith("otel-kubecost/")
    (message,) = receiver.messages
    assert [one.resource.attributes[0].value.string_value for one in message.resource_metrics] == [
        "one",
        "two",
    ]
    (metric,) = message.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.unit) == ("cost", "{USD}")
    assert receiver.series[
        (("__name__", "cost"), ("currency", "USD"), ("k8s.pod.name", "y"), ("tenant.id", "two"))
    ] == [(NOW, 1.0)]
    assert exporter.stats()[:4] == (4, 4, 0, {})


def test_costs_arrive_under_their_own_names():
    """Of a configuration with the Collector's old spelling: nothing is translated for OTLP."""
    row = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z", "totalCost": 3.6}
    with (
        FakeKubecost({"code": 200, "data": [{"shop": row}]}) as kubecost,
        OtlpReceiver() as receiver,
    ):
        endpoint = {"endpoint": kubecost.url, "tenant_id": "t", "cluster_name": "c"}
        service = Service.from_mapping(
            {
                "receivers": {"kubecost": {**endpoint, "levels": ["namespace"], "currency": "USD"}},
                "exporters": {"otlphttp": {"endpoint": receiver.url}},
                "service": {
                    "pipelines": {"metrics": {"receivers": ["kubecost"], "exporters": ["otlphttp"]}}
                },
            }
        )
        service.pipelines[0].run_once()
        service.shutdown()
    (labels,) = [one for one in receiver.series if "total_cost" in dict(one)["__name__"]]
    assert dict(labels) | {"kubecost.product": ""} == {
        "__name__": "cloudtuner_kubecost_namespace_total_cost",
        "tenant.id": "t",
        "k8s.cluster.name": "c",
        "k8s.namespace.name": "shop",
        "currency": "USD",
        "kubecost.product": "",
    }


def test_equal_resources_arrive_as_one(exporter_to):
    """OpenTelemetry's encoder would send the last of them alone."""
    twice = joined(batch(gauge("a"), resource={"k": "v"}), batch(gauge("b"), resource={"k": "v"}))
    with OtlpReceiver() as receiver:
        assert exporter_to(receiver).export(twice) is SUCCESS
    (of_resource,) = receiver.messages[0].resource_metrics
    assert [metric.name for metric in of_resource.scope_metrics[0].metrics] == ["a", "b"]


def test_it_is_an_exporter_of_the_sdk(exporter_to):
    """A program's own instruments of every kind go where the costs go."""
    with OtlpReceiver() as receiver:
        exporter = exporter_to(receiver)
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
        provider = MeterProvider([reader])
        meter = provider.get_meter("app")
        meter.create_counter("calls").add(3, {"n": 1, "ok": True})
        meter.create_histogram("seconds").record(0.5)
        provider.shutdown()
    metrics = receiver.messages[0].resource_metrics[0].scope_metrics[0].metrics
    assert {metric.name: metric.WhichOneof("data") for metric in metrics} == {
        "calls": "sum",
        "seconds": "histogram",
    }


def test_an_outage_loses_nothing_and_keeps_the_order(exporter_to):
    """What came meanwhile arrives after it, oldest first; at each moment the books are right."""
    with OtlpReceiver() as receiver:
        exporter = exporter_to(
            receiver, queue_config={"max_points_per_send": 2, "max_backoff": "50ms"}
        )
        audit = Audit(receiver, exporter.stats)
        assert exporter.export(series(3)) is SUCCESS
    for later in range(1, 6):
        exporter.enqueue(series(3, NOW + later))
    wait_until(lambda: exporter.stats().trouble == "network_refused")
    assert exporter.force_flush(10) is False
    assert audit.faults() == []
    receiver.script([503, 429, 502, 504])
    with receiver:
        assert exporter.force_flush(30_000)
        assert audit.faults() == []
    assert {tuple(points) for points in receiver.series.values()} == {
        tuple((NOW + later, float(n)) for later in range(6)) for n in range(3)
    }
    assert exporter.stats()[:4] == (18, 18, 0, {})


def test_a_successor_takes_over_what_waits_on_the_disk(tmp_path):
    """Another process in the small: the file is all that it has of the one before."""

    def started(server, compression):
        storage = FileStorage(directory=str(tmp_path))
        storage.start()
        exporter = OtlpHttpExporter(
            endpoint=server.url, spool=storage.queue("o"), compression=compression
        )
        exporter.start()
        return storage, exporter

    with OtlpReceiver() as receiver:
        pass
    storage, exporter = started(receiver, "gzip")
    for later in range(4):
        exporter.enqueue(series(5, NOW + later))
    exporter.shutdown(timeout_millis=0)
    storage.shutdown()
    with receiver:
        storage, exporter = started(receiver, "none")
        audit = Audit(receiver, exporter.stats)
        assert exporter.stats().accepted == 20
        assert exporter.force_flush(30_000)
        assert audit.faults() == []
        assert exporter.stats()[:4] == (20, 20, 0, {})
        exporter.shutdown()
        storage.shutdown()
    times = {tuple(at for at, _ in points) for points in receiver.series.values()}
    assert times == {tuple(NOW + later for later in range(4))}
    assert {request.headers["Content-Encoding"] for request in receiver.requests} == {"gzip"}


PREDECESSOR = """
import sys, time
from otel_kubecost.exporters.otlp_http import OtlpHttpExporter
from otel_kubecost.extensions.file_storage import FileStorage
from otlp_data import series

directory, url, first = sys.argv[1:]
storage = FileStorage(directory=directory)
storage.start()
exporter = OtlpHttpExporter(endpoint=url, spool=storage.queue("o"))
for later in range(5):
    exporter.enqueue(series(6, int(first) + later))
print("taken", flush=True)
time.sleep(60)
"""


@pytest.mark.peers
def test_a_killed_process_leaves_everything_to_the_next(tmp_path):
    """What ``enqueue`` took is on the disk: each point arrives once and in its order."""
    with OtlpReceiver() as receiver:
        pass
    arguments = [str(tmp_path), receiver.url, str(NOW)]
    with subprocess.Popen(
        [sys.executable, "-c", PREDECESSOR, *arguments],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    ) as process:
        assert process.stdout.readline() == b"taken\n"
        process.kill()
    storage = FileStorage(directory=str(tmp_path))
    storage.start()
    spool = storage.queue("o")
    exporter = OtlpHttpExporter(endpoint=receiver.url, spool=spool)
    audit = Audit(receiver, spool.database.path)
    assert audit.books().pending == 30
    audit.accepted(
        {
            (("__name__", "many"), ("n", str(n))): [(NOW + later, float(n)) for later in range(5)]
            for n in range(6)
        }
    )
    exporter.start()
    assert audit.faults() == []
    with receiver:
        assert exporter.force_flush(30_000)
        assert audit.faults() == []
    assert exporter.stats()[:4] == (30, 30, 0, {})
    assert {len(points) for points in receiver.series.values()} == {5}
    exporter.shutdown()
    storage.shutdown()


def test_it_goes_on_where_another_one_stopped(exporter_to):
    """A new password: what the old one could not send comes first; not of another account."""
    with OtlpReceiver(401) as receiver:
        old = exporter_to(receiver, headers={"X-Scope-OrgID": "a"})
        assert old.export(series(2)) is FAILURE
        other = exporter_to(receiver, headers={"X-Scope-OrgID": "b"})
        new = exporter_to(receiver, headers={"X-Scope-OrgID": "a"}, compression="none")
        new.adopt(old)
        new.enqueue(series(2, NOW + 1))
        assert new.force_flush(30_000)
        other.adopt(new)
        assert other.stats().accepted == 0
    assert new.stats()[:4] == (4, 4, 0, {})
    assert {len(points) for points in receiver.series.values()} == {2}
    assert receiver.violations == []


def test_one_bad_point_costs_no_other(exporter_to, caplog):
    """A receiver that refuses a whole request for it has all others in the end."""
    with OtlpReceiver() as receiver:
        receiver.poison = lambda labels: ("n", "7") in labels
        exporter = exporter_to(receiver)
        assert exporter.export(series(40), timeout_millis=30_000) is FAILURE
        assert exporter.force_flush(30_000)
    assert exporter.stats()[:4] == (40, 39, 0, {"refused": 1})
    assert len(receiver.series) == 39
    (line,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert line.series == ['many{n="7"}']
    assert "'bad point'" in line.message


def test_points_that_were_refused_are_counted(exporter_to, caplog):
    """A partial success is settled: nothing is offered again, and the books have each point."""
    with OtlpReceiver(refusing(3, "no room for more series")) as receiver:
        exporter = exporter_to(receiver)
        assert exporter.export(series(10)) is SUCCESS
        assert receiver.request_count == 1
    assert exporter.stats()[:4] == (10, 7, 0, {"refused": 3})
    assert exporter.partly_stored == 10
    (line,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "'no room for more series'" in line.message
    assert line.samples == 3


def test_a_success_that_repeats_the_password_is_quoted_without_it(exporter_to, caplog):
    """As a refusal is; the points are counted all the same."""
    with OtlpReceiver(refusing(3, "no limits for token hunter2hunter2, sorry")) as receiver:
        exporter = exporter_to(receiver, authorization={"credentials": "hunter2hunter2"})
        assert exporter.export(series(10)) is SUCCESS
    assert exporter.stats()[:4] == (10, 7, 0, {"refused": 3})
    (line,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "'no limits for token ***, sorry" in line.message


def test_a_warning_is_said_and_costs_nothing(exporter_to, caplog):
    """A partial success without a refused point."""
    with OtlpReceiver(refusing(0, "this name is deprecated")) as receiver:
        exporter = exporter_to(receiver)
        assert exporter.export(series(10)) is SUCCESS
    assert exporter.stats()[:4] == (10, 10, 0, {})
    assert exporter.partly_stored == 0
    (line,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "'this name is deprecated'" in line.message
    assert line.samples == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(login_redirect, "redirected"), (login_page, "web_page"), (404, "wrong_url"),
     (403, "forbidden"), (415, "not_understood")],
)  # fmt: skip
def test_what_somebody_has_to_mend_loses_nothing(exporter_to, answer, reason):
    """A redirect is no success, and neither is a login with status 200."""
    reply = answer(Reply()) if callable(answer) else Reply(answer)
    with HttpServer(lambda _: reply) as server:
        exporter = exporter_to(server)
        assert exporter.export(series(3)) is FAILURE
        stats = exporter.stats()
    assert (stats.pending, stats.dropped, stats.trouble) == (3, {}, reason)


def test_the_port_of_another_protocol_is_guessed(exporter_to, caplog):
    """A server of gRPC breaks off what it takes for a wrong preface."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=break_off, args=(listener,))
        server.start()
        exporter = OtlpHttpExporter(endpoint=f"http://127.0.0.1:{listener.getsockname()[1]}")
        exporter.enqueue(series(1))
        wait_until(lambda: exporter.stats().trouble)
        exporter.shutdown(timeout_millis=0)
        listener.close()
        server.join()
    assert any("4317" in getattr(record, "hint", "") for record in caplog.records)


def break_off(listener):
    """Answer nobody until ``listener`` is closed."""
    while True:
        try:
            listener.settimeout(0.05)
            connection, _ = listener.accept()
        except TimeoutError:
            continue
        except OSError:
            return
        connection.recv(4096)
        connection.close()


def test_a_receiver_behind_tls(tmp_path, exporter_to):
    """Its certificate is verified, and ours is shown where it is asked for."""
    authority = Authority(tmp_path / "ca")
    with OtlpReceiver(tls=authority.issue("127.0.0.1")) as receiver:
        stranger = exporter_to(receiver)
        assert stranger.export(series(1), timeout_millis=10) is FAILURE
        wait_until(lambda: stranger.stats().trouble == "network_tls")
        exporter = exporter_to(receiver, tls={"ca_file": str(authority.ca_file)})
        assert exporter.export(series(1)) is SUCCESS


def test_what_is_too_old_is_dropped_and_said(exporter_to, caplog):
    """By our own clock: a receiver of OTLP does not tell its time."""
    caplog.set_level(logging.WARNING)
    clock = FakeClock(start=NOW / 1000 + 7200)
    with OtlpReceiver() as receiver:
        exporter = exporter_to(receiver, retention="1h", clock=clock)
        exporter.enqueue(series(2))
        exporter.enqueue(series(2, NOW + 7_000_000))
        assert exporter.force_flush(30_000)
    assert exporter.stats()[:4] == (4, 2, 0, {"too_old": 2})
    assert "longer than they are worth keeping" in caplog.text


def test_its_own_metrics_have_the_collectors_names(exporter_to):
    """And none of Prometheus' remote storage, which this is not."""
    with OtlpReceiver() as receiver:
        exporter = exporter_to(receiver)
        assert exporter.export(series(7)) is SUCCESS
        told = {
            metric.name: metric.data.data_points[0].value
            for _, _, metric in each_metric(exporter.own_metrics())
            if metric.data.data_points
        }
    assert told["otelcol_exporter_sent_metric_points_total"] == 7
    assert told["otelcol_exporter_queue_capacity"] == 50_000
    assert all(name.startswith(("otelcol_exporter_", "otel_kubecost_")) for name in told)


def test_a_storage_is_for_configurations():
    """Code passes a spool instead; the message says how."""
    with pytest.raises(ConfigError, match=r"storage: is for configuration files; pass spool="):
        OtlpHttpExporter(endpoint="http://127.0.0.1:9", storage="file_storage")


def test_the_body_on_the_wire_is_gzip(exporter_to):
    """Any program reads it back."""
    with OtlpReceiver() as receiver:
        assert exporter_to(receiver).export(series(100)) is SUCCESS
        (request,) = receiver.requests
    assert len(gzip.decompress(request.body)) > 4 * len(request.body)
