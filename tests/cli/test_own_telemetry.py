"""What the command says of itself goes where ``service.telemetry`` says, and holds up nobody."""

import errno
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.metrics import _internal as metrics_api
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from peers import COMMAND, Agent, wait_until

from otel_kubecost.cli.own_telemetry import own_telemetry, remark_change
from otel_kubecost.config.telemetry_options import TelemetryOptions
from otel_kubecost.errors import ConfigError
from otel_kubecost.testing import FakeKubecost, HttpServer, RemoteWriteReceiver, Reply

DAY = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z"}
ANSWER = {"code": 200, "data": [{"one/shop": {**DAY, "totalCost": 24.0, "cpuCost": 24.0}}]}
SECRETS = {"pa55word", "a5ecret", "query5ecret", "otlp5ecret"}


class OtlpServer(HttpServer):
    """Takes what comes, and decodes it with OpenTelemetry's own messages."""

    def __init__(self):
        super().__init__(lambda _: Reply(200))

    def of(self, message, path):
        return [message.FromString(one.body) for one in list(self.requests) if one.path == path]

    @property
    def resource_spans(self):
        found = self.of(ExportTraceServiceRequest, "/v1/traces")
        return [spans for request in found for spans in request.resource_spans]

    @property
    def spans(self):
        scopes = [scope for spans in self.resource_spans for scope in spans.scope_spans]
        return [span for scope in scopes for span in scope.spans]

    @property
    def metrics(self):
        """Values of the newest export, by name."""
        *_, last = self.of(ExportMetricsServiceRequest, "/v1/metrics")
        scopes = [scope for one in last.resource_metrics for scope in one.scope_metrics]
        return {
            metric.name: sum(
                point.as_int or point.as_double
                for point in (metric.sum or metric.gauge).data_points
            )
            for scope in scopes
            for metric in scope.metrics
        }


def attributes(of):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in of.attributes}


def configuration(kubecost, receiver, **telemetry):
    options = {"endpoint": kubecost.url, "tenant_id": "t", "cluster_name": "c", "currency": "USD"}
    auth = {"basic_auth": {"username": "kubecost", "password": "pa55word"}}
    often = {"collection_interval": "1s", "emit_interval": "1s"}
    write = {
        "endpoint": f"{receiver.endpoint}?token=query5ecret",
        "authorization": {"credentials": "a5ecret"},
    }
    return {
        "receivers": {"kubecost": {**options, **often, "auth": auth}},
        "exporters": {"prometheus_remote_write/mimir": write},
        "service": {
            "pipelines": {
                "metrics": {
                    "receivers": ["kubecost"],
                    "exporters": ["prometheus_remote_write/mimir"],
                }
            },
            "telemetry": telemetry,
        },
    }


def to_otlp(otlp):
    """A ``service.telemetry`` that sends to ``otlp``, metrics at the end alone."""
    headers = [{"name": "Authorization", "value": "Bearer otlp5ecret"}]

    def exporter(path):
        return {"otlp_http": {"endpoint": f"{otlp.url}/v1/{path}", "headers": headers}}

    return {
        "resource": {"deployment.environment.name": "test"},
        "metrics": {
            "readers": [{"periodic": {"interval": 600_000, "exporter": exporter("metrics")}}]
        },
        "traces": {
            "processors": [{"batch": {"schedule_delay": 100, "exporter": exporter("traces")}}]
        },
    }


@pytest.mark.peers
def test_scrapes_and_sends_arrive_at_an_otlp_receiver_without_a_secret(tmp_path):
    """Spans as they end, metrics with their last values after the drain; what a reload changes of
    it is used after a restart, which the log says."""
    path = tmp_path / "pipeline.json"
    with OtlpServer() as otlp, FakeKubecost(ANSWER) as kubecost, RemoteWriteReceiver() as receiver:
        mapping = configuration(kubecost, receiver, **to_otlp(otlp))
        path.write_text(json.dumps(mapping))
        with Agent("--config", path) as agent:
            names = {
                "scrape kubecost",
                "GET /model/allocation",
                "send prometheus_remote_write/mimir",
            }
            wait_until(lambda: names <= {span.name for span in otlp.spans})
            mapping["service"]["telemetry"]["resource"] = {}
            mapping["receivers"]["kubecost"]["tenant_id"] = "other"
            path.write_text(json.dumps(mapping))
            agent.signal(signal.SIGHUP)
            wait_until(lambda: any(("tenant_id", "other") in one for one in receiver.series))
            assert agent.stop() == 0
        spans, metrics = otlp.spans, otlp.metrics
        assert metrics["otelcol_exporter_sent_metric_points"] == receiver.sample_count
        assert all(one.headers["Authorization"] == "Bearer otlp5ecret" for one in otlp.requests)
        sent = b"".join(one.body for one in otlp.requests)
    about = attributes(otlp.resource_spans[0].resource)
    assert about["service.name"] == "otel-kubecost"
    assert about["deployment.environment.name"] == "test"
    scrapes = {span.span_id for span in spans if span.name == "scrape kubecost"}
    queries = [span for span in spans if span.name == "GET /model/allocation"]
    assert {span.parent_span_id for span in queries} <= scrapes
    attempt = next(span for span in spans if span.name.startswith("send "))
    assert attributes(attempt)["otel_kubecost.verdict"] == "done"
    assert attributes(attempt)["otel_kubecost.samples"] > 0
    assert [secret for secret in SECRETS if secret.encode() in sent] == []
    assert [secret for secret in SECRETS if secret in agent.log] == []
    assert agent.log.count("resource, metrics and traces stay as they were") == 1


@pytest.mark.peers
def test_providers_of_opentelemetry_instrument_stay_as_they_are(tmp_path):
    """Its spans go where its variables say, and a line says that service.telemetry is not used."""
    path = tmp_path / "pipeline.json"
    with OtlpServer() as otlp, FakeKubecost(ANSWER) as kubecost, RemoteWriteReceiver() as receiver:
        path.write_text(json.dumps(configuration(kubecost, receiver, **to_otlp(otlp))))
        instrument = Path(sys.executable).with_name("opentelemetry-instrument")
        exporters = {
            "OTEL_TRACES_EXPORTER": "console",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        }
        with subprocess.Popen(
            [instrument, "--", *COMMAND, "run", "--config", path],
            env=os.environ | exporters,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            wait_until(lambda: receiver.sample_count > 0, process=process)
            process.terminate()
            output, log = process.communicate(timeout=40)
        assert process.returncode == 0, log
        assert otlp.requests == []
    assert '"name": "scrape kubecost"' in output
    assert log.count("this process has providers") == 1
    assert [secret for secret in SECRETS if secret in output + log] == []


@pytest.fixture
def without_providers(monkeypatch):
    """As in a process of its own: another test may have set some up."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(metrics_api, "_METER_PROVIDER", None)


def options(**telemetry):
    return TelemetryOptions.model_validate(telemetry)


@pytest.mark.usefixtures("without_providers")
@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (
            {"exporter": {"otlp_http": {"compression": "lzma"}}},
            "service.telemetry: cannot be used: Unsupported compression value 'lzma'",
        ),
        (
            {"exporter": {"console": {}}, "max_queue_size": 0},
            "service.telemetry: cannot be used: the SDK refuses a value (ValueError)",
        ),
    ],
)
def test_what_the_sdk_refuses_is_a_mistake_of_the_configuration(batch, message):
    """It ends the command before anything starts. The SDK's sentence is told where it is one for
    users; what a class says of a wrong value may quote it."""
    with (
        pytest.raises(ConfigError) as raised,
        own_telemetry(options(traces={"processors": [{"batch": batch}]})),
    ):
        pass
    assert str(raised.value).startswith(message)
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


@pytest.mark.usefixtures("without_providers")
def test_what_an_exporter_of_ours_refuses_is_said_with_its_keys():
    """It is one of the SDK's there, and raises what it raises in a configuration."""
    own = {"kubecost_prometheus_remote_write": {"endpont": "http://mimir/?token=query5ecret"}}
    reader = {"periodic": {"exporter": own}}
    with (
        pytest.raises(ConfigError) as raised,
        own_telemetry(options(metrics={"readers": [reader]})),
    ):
        pass
    assert "service.telemetry: endpont: unknown key; did you mean `endpoint`?" in str(raised.value)
    assert "5ecret" not in str(raised.value)


@pytest.mark.usefixtures("without_providers")
def test_a_page_whose_port_is_in_use_is_said_to_be_of_telemetry():
    """An error of the system, which may be gone at the next attempt."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        page = {"host": "127.0.0.1", "port": other.getsockname()[1]}
        reader = {"pull": {"exporter": {"prometheus/development": page}}}
        with pytest.raises(OSError, match=r"service\.telemetry cannot be used: Address") as raised:
            own_telemetry(options(metrics={"readers": [reader]})).__enter__()
    assert raised.value.errno == errno.EADDRINUSE


@pytest.mark.usefixtures("without_providers")
def test_whatever_a_foreign_class_raises_is_a_mistake_of_the_configuration():
    """Here that a port is too large, an error of arithmetic. Its sentence is not told."""
    page = {"prometheus/development": {"host": "127.0.0.1", "port": 70_000}}
    reader = {"pull": {"exporter": page}}
    with (
        pytest.raises(ConfigError) as raised,
        own_telemetry(options(metrics={"readers": [reader]})),
    ):
        pass
    assert "service.telemetry: cannot be used: the SDK refuses a value" in str(raised.value)


@pytest.mark.usefixtures("without_providers")
def test_nothing_is_set_up_where_nothing_is_configured():
    """Logs need no provider."""
    with own_telemetry(options(logs={"level": "debug"})):
        assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def test_new_logs_are_used_at_once_and_the_rest_after_a_restart(caplog):
    """A line says so where there is something to restart for."""
    before, resource = options(), options(resource={"a": "b"})
    remark_change(before, options(logs={"level": "debug"}))
    assert caplog.records == []
    with caplog.at_level(logging.WARNING):
        remark_change(before, resource)
    (record,) = caplog.records
    assert record.hint == "restart the process"


HANGING = """
import sys
from otel_kubecost import tracing
from otel_kubecost.cli import own_telemetry
from otel_kubecost.config.telemetry_options import TelemetryOptions
from otel_kubecost.telemetry import configure

configure()
own_telemetry._PATIENCE = 0.2
exporter = {"otlp_http": {"endpoint": sys.argv[1], "timeout": 60_000}}
processors = [{"batch": {"exporter": exporter}}]
telemetry = TelemetryOptions.model_validate({"traces": {"processors": processors}})
with own_telemetry.own_telemetry(telemetry), tracing.root_span("scrape", {}):
    pass
"""


def test_a_destination_that_hangs_does_not_hold_up_the_end():
    """What is left of the telemetry is given up, and the log says so."""
    with HttpServer(lambda _: Reply(hang=True)) as server:
        finished = subprocess.run(
            [sys.executable, "-c", HANGING, server.url],
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
    assert finished.returncode == 0
    assert "the last of it could not be sent in time" in finished.stderr
    assert "Traceback" not in finished.stderr
