"""What OpenTelemetry's exporters log is in the command's log without their secrets."""

import base64
import logging
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.cli.options import configure_logs
from otel_kubecost.component import Kind
from otel_kubecost.components import factories
from otel_kubecost.config.checked import parse_config
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.telemetry import configure

HEADERS = [
    {"name": "Authorization", "value": "Bearer otlp5ecret"},
    {"name": "x-api-key", "value": "key/5ecret="},
]


class Repeating(BaseHTTPRequestHandler):
    """Refuses with everything that it was sent, in the status line."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(401, ", ".join(map(str, self.headers.values())))
        self.end_headers()

    def log_message(self, *_):
        """To nobody."""


@contextmanager
def repeating():
    with HTTPServer(("127.0.0.1", 0), Repeating) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/metrics"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def log(capsys):
    """What a function has the process log."""
    loggers = [logging.getLogger(name) for name in ("otel_kubecost", "opentelemetry")]
    before = [(one.handlers, one.level, one.propagate) for one in loggers]

    def written(work):
        capsys.readouterr()
        work()
        return capsys.readouterr().err

    yield written
    for logger, state in zip(loggers, before, strict=True):
        logger.handlers, logger.level, logger.propagate = state


def config(exporter=None, **telemetry):
    mapping = {
        "receivers": {
            "kubecost": {"endpoint": "http://k:9090", "tenant_id": "t", "cluster_name": "c"}
        },
        "exporters": {"otlp_proto_http": exporter or {}},
        "service": {
            "pipelines": {"metrics": {"receivers": ["kubecost"], "exporters": ["otlp_proto_http"]}},
            "telemetry": telemetry,
        },
    }
    return parse_config(ConfMap(mapping), factories())


def traced(headers, *, endpoint="http://127.0.0.1:1"):
    exporter = {"otlp_http": {"endpoint": endpoint, "headers": headers}}
    return config(traces={"processors": [{"batch": {"exporter": exporter}}]})


def sent(endpoint, **headers):
    exporter = OTLPMetricExporter(endpoint, headers=headers)
    return lambda: exporter.export(MetricsData([]))


def test_a_destination_that_repeats_credentials_does_not_get_them_into_the_log(log):
    """Of service.telemetry, also after a reload that has others: the process sends as before."""
    first, now = traced(HEADERS), traced([])
    with repeating() as endpoint:
        sending = sent(endpoint, **{one["name"]: one["value"] for one in HEADERS})
        configure()
        assert "Bearer otlp5ecret" in log(sending)
        configure_logs(first)
        before = log(sending)
        configure_logs(now, first=first)
        after = log(sending)
    assert "code: 401" in before
    assert ", ***, ***" in before
    for line in (before, after):
        assert "5ecret" not in line


def test_headers_of_variables_are_no_less_secret(log, monkeypatch):
    """The SDK's exporters read them where nothing else is said."""
    secret = "Basic " + base64.b64encode(b"user:otlp5ecret").decode()
    variable = f"authorization={secret.replace(' ', '%20')},x-scope=otlp5ecret"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_HEADERS", variable)
    configure_logs(config())
    with repeating() as endpoint:
        line = log(sent(endpoint))
    assert "code: 401" in line
    assert "5ecret" not in line
    assert secret.partition(" ")[2] not in line


def test_what_an_exporter_of_a_pipeline_was_given_is_no_less_secret(log):
    """An exporter of the SDK in a pipeline logs what one of the process' own telemetry does."""
    with repeating() as endpoint:
        checked = config({"endpoint": endpoint, "headers": {"x-api-key": "pipe5ecret"}})
        (component,) = checked.components[Kind.EXPORTER].values()
        exporter = component.options.exporter(**component.options.arguments)
        configure_logs(checked)
        line = log(lambda: exporter.export(MetricsData([])))
    assert "code: 401" in line
    assert "5ecret" not in line


@pytest.mark.parametrize("log_format", ["console", "json", "logfmt", "guide"])
def test_what_is_secret_in_a_url_is_not_logged(log, log_format):
    """Its query may be a token, and the SDK quotes the URL that it cannot use."""
    configure("info", log_format)
    line = log(sent("htp://me:pa5ecret@mimir/v1/metrics?token=query5ecret&more=5ecret"))
    assert "htp://***@mimir/v1/metrics?***" in line
    assert "5ecret" not in line


def test_an_exception_is_told_without_secrets(log):
    """Its sentence stands below the line, with its traceback."""
    configure_logs(traced(HEADERS))

    try:
        int("Bearer otlp5ecret for http://mimir/?token=query5ecret")
    except ValueError:
        line = log(lambda: logging.getLogger("opentelemetry.sdk").exception("Cannot export"))
    assert "Traceback" in line
    assert "'*** for http://mimir/?***'" in line
    assert "5ecret" not in line


def test_what_is_no_secret_stays(log):
    """Names of headers, paths of files, and our own lines as they are."""
    tls = {"ca_file": "/etc/ssl/otlp-ca.pem", "key_file": "/etc/ssl/otlp.key"}
    exporter = {"otlp_http": {"headers": HEADERS, "tls": tls}}
    configure_logs(config(traces={"processors": [{"batch": {"exporter": exporter}}]}))

    def work():
        sdk, ours = (logging.getLogger(name) for name in ("opentelemetry.sdk", "otel_kubecost"))
        sdk.warning("x-api-key and /etc/ssl/otlp.key")
        ours.warning("did you mean http://mimir/?x=1")

    line = log(work)
    assert "x-api-key and /etc/ssl/otlp.key" in line
    assert "did you mean http://mimir/?x=1" in line
