"""The exporter where the SDK makes it: by its name, by a file, by hand."""

import threading
from importlib.metadata import entry_points

import pytest
from opentelemetry.configuration._meter_provider import create_meter_provider
from opentelemetry.configuration.file import load_config_file
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader

from otel_kubecost import ConfigError, PrometheusRemoteWriteExporter
from otel_kubecost.testing import RemoteWriteReceiver

NAME = "kubecost_prometheus_remote_write"
VARIABLES = ("REMOTE_WRITE_URL", "REMOTE_WRITE_PASSWORD_FILE", "TENANT_ID", "OTEL_SDK_DISABLED")


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """A function that sets variables; without it none is set."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return lambda **values: [monkeypatch.setenv(name, value) for name, value in values.items()]


@pytest.fixture
def exporter_class():
    """What the SDK finds under our name, as it does."""
    (entry,) = entry_points(group="opentelemetry_metrics_exporter", name=NAME)
    return entry.load()


@pytest.fixture
def declared(tmp_path):
    """A function that makes a MeterProvider of a file with these lines below the exporter."""

    def make(*lines):
        path = tmp_path / "otel.yaml"
        head = 'file_format: "1.0"\nmeter_provider:\n  readers:\n    - periodic:\n'
        head += f"        interval: 3600000\n        exporter:\n          {NAME}:\n"
        path.write_text(head + "".join(f"            {line}\n" for line in lines))
        return create_meter_provider(load_config_file(path).meter_provider)

    return make


def counted(provider):
    """What an application would do; its end sends what there is."""
    provider.get_meter("shop").create_counter("orders").add(3)
    provider.shutdown()


def has_orders(receiver):
    return any(("__name__", "orders_total") in labels for labels in receiver.latest())


def test_variables_are_enough(exporter_class, variables):
    """The class passes the SDK's check and needs no argument; the account is in the header."""
    assert issubclass(exporter_class, MetricExporter)
    assert issubclass(exporter_class, PrometheusRemoteWriteExporter)
    with RemoteWriteReceiver(account_id="account") as receiver:
        variables(REMOTE_WRITE_URL=receiver.endpoint, TENANT_ID="account")
        counted(MeterProvider([PeriodicExportingMetricReader(exporter_class())]))
        assert receiver.violations == []
        assert has_orders(receiver)


def test_without_a_url_the_variable_is_named(exporter_class):
    """The SDK logs what is raised, and the application goes on."""
    with pytest.raises(ConfigError, match="REMOTE_WRITE_URL: is not set"):
        exporter_class()


def test_a_file_describes_it(declared, variables):
    """Nested blocks, numbers and booleans are as YAML reads them; what is null is not given."""
    with RemoteWriteReceiver(account_id="12345678") as receiver:
        variables(REMOTE_WRITE_URL=receiver.endpoint)
        provider = declared(
            "endpoint: ${REMOTE_WRITE_URL}",
            "headers: {Cloud-Account-Id: 12345678}",
            "tls_config: {insecure_skip_verify: true}",
            "timeout: 5",
            "retention: ${NOT_SET}",
            'proxy_url: "${NOT_SET}"',
            "queue_config: {max_samples_per_send: 500}",
        )
        counted(provider)
        assert receiver.violations == []
        assert has_orders(receiver)


def test_a_file_may_leave_it_to_the_variables(declared, variables):
    """An empty block is no argument at all."""
    with RemoteWriteReceiver() as receiver:
        variables(REMOTE_WRITE_URL=receiver.endpoint)
        counted(declared())
        assert has_orders(receiver)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("endpoint: ${NOT_SET}", "endpoint: is required"),
        ('endpoint: "${NOT_SET}"', "endpoint: is required"),
        ("tiemout: 5", "tiemout: unknown key; did you mean `timeout`"),
        ("headers: {X-Id: }", "headers.X-Id: is empty"),
    ],
)
def test_mistakes_in_a_file_are_said(declared, variables, line, said):
    """By the option's own name; a variable that is not set is an option that is not there."""
    variables(REMOTE_WRITE_URL="http://not.used/write")
    with pytest.raises(ConfigError) as raised:
        declared(line)
    assert said in str(raised.value)


def test_it_runs_at_once_unless_the_sdk_is_disabled(exporter_class, variables):
    """The SDK constructs exporters all the same, and never gives them anything."""
    before = threading.active_count()
    variables(REMOTE_WRITE_URL="http://127.0.0.1:1/write", OTEL_SDK_DISABLED="true")
    exporter_class().shutdown(timeout=100)
    assert threading.active_count() == before
    variables(OTEL_SDK_DISABLED="false")
    exporter = exporter_class()
    assert threading.active_count() == before + 1
    exporter.shutdown(timeout=100)
    assert threading.active_count() == before


def test_by_hand_it_starts_with_the_first_batch():
    """Constructing it has no effect; without any time left the end comes all the same."""
    before = threading.active_count()
    exporter = PrometheusRemoteWriteExporter(endpoint="http://127.0.0.1:1/write")
    assert threading.active_count() == before
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader])
    provider.get_meter("shop").create_counter("orders").add(3)
    reader.collect(timeout_millis=1)
    exporter.shutdown(timeout=-1.0)
    assert exporter.stats().delivered == 0
    provider.shutdown()
