"""The instrumentor in this process, against a real Kubecost on the loopback interface."""

import logging
import threading
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from peers import free_port, wait_until

from otel_kubecost.attributes import CLUSTER, NAMESPACE, TENANT
from otel_kubecost.sdk.gauges import gauges_of
from otel_kubecost.sdk.instrumentor import KubecostInstrumentor
from otel_kubecost.sdk.observing import Observing
from otel_kubecost.testing import (
    FakeClock,
    FakeKubecost,
    Reply,
    SimulatedCluster,
    SimulatedKubecost,
)

CLUSTER_TOTAL = "cloudtuner_kubecost_cluster_total_cost"
NAMESPACE_TOTAL = "cloudtuner_kubecost_namespace_total_cost"
SUCCESS = "cloudtuner_kubecost_exporter_scrape_success"
WHO = {"tenant_id": "t", "cluster_name": "c"}


@pytest.fixture(autouse=True)
def instrumentor(monkeypatch):
    """The process' only one, which has stopped before and after."""
    for name in ("TENANT_ID", "CLUSTER_NAME", "OTEL_CONFIG_FILE", "OTEL_KUBECOST_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    yield KubecostInstrumentor()
    if KubecostInstrumentor().is_instrumented_by_opentelemetry:
        KubecostInstrumentor().uninstrument()


@pytest.fixture(scope="module")
def kubecost():
    """A living cluster whose time stands still, ahead of every window."""
    clock = FakeClock(4_000_000_000.0)
    with SimulatedKubecost(SimulatedCluster(seed=1), clock) as server:
        yield server


class Host:
    """An application's metrics, as an exporter of its own would get them."""

    def __init__(self, **resource):
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], Resource(resource))

    def points(self, name):
        data = self.reader.get_metrics_data()
        scopes = data.resource_metrics[0].scope_metrics if data else []
        found = [one for of_scope in scopes for one in of_scope.metrics if one.name == name]
        return [point for metric in found for point in metric.data.data_points]


def logged(caplog):
    return [record.message for record in caplog.records if record.levelno >= logging.WARNING]


def test_it_is_found_by_its_name():
    """As ``opentelemetry-instrument`` finds it, and declarative configuration."""
    (entry,) = entry_points(group="opentelemetry_instrumentor", name="kubecost")
    assert entry.load() is KubecostInstrumentor
    assert KubecostInstrumentor() is KubecostInstrumentor()
    assert KubecostInstrumentor().instrumentation_dependencies() == ()


@pytest.mark.parametrize(
    "keywords",
    [{}, {"skip_dep_check": True}, {"endpoint": None, "levels": ["a"]}, {"endpoint": ""}],
)
def test_without_an_endpoint_nothing_happens(instrumentor, keywords, caplog):
    """None, or nothing, is what a declarative file has for a variable that is not set."""
    before = threading.active_count()
    host = Host()
    instrumentor.instrument(meter_provider=host.provider, **keywords)
    assert threading.active_count() == before
    assert not instrumentor.is_instrumented_by_opentelemetry
    assert logged(caplog) == []


def test_costs_are_gauges_until_it_is_stopped(instrumentor, kubecost):
    """The cluster's total and the namespaces' are there; afterwards nothing is."""
    host = Host()
    instrumentor.instrument(endpoint=kubecost.url, meter_provider=host.provider, **WHO)
    (total,) = wait_until(lambda: host.points(CLUSTER_TOTAL))
    assert total.attributes[TENANT] == "t"
    assert "shop" in {one.attributes[NAMESPACE] for one in host.points(NAMESPACE_TOTAL)}
    assert instrumentor.is_instrumented_by_opentelemetry
    instrumentor.uninstrument()
    assert host.reader.get_metrics_data() is None
    assert not instrumentor.is_instrumented_by_opentelemetry


def test_a_second_attempt_changes_nothing(instrumentor, kubecost, caplog):
    """A file that names it and ``opentelemetry-instrument`` both start it."""
    host = Host()
    instrumentor.instrument(endpoint=kubecost.url, meter_provider=host.provider, **WHO)
    wait_until(lambda: host.points(CLUSTER_TOTAL))
    running = instrumentor._observing
    instrumentor.instrument(skip_dep_check=True)
    assert instrumentor._observing is running
    assert logged(caplog) == []


def test_it_can_be_started_again(instrumentor, kubecost, caplog):
    """With the instruments that there are: the SDK warns of a second one of a name."""
    host = Host()
    for _ in range(2):
        instrumentor.instrument(endpoint=kubecost.url, meter_provider=host.provider, **WHO)
        wait_until(lambda: host.points(CLUSTER_TOTAL))
        instrumentor.uninstrument()
    assert logged(caplog) == []


def test_variables_configure_it(instrumentor, kubecost, monkeypatch):
    """Those of this package, the guide's for tenant and cluster, and the Resource for the rest."""
    monkeypatch.setenv("OTEL_KUBECOST_ENDPOINT", kubecost.url)
    monkeypatch.setenv("OTEL_KUBECOST_LEVELS", "cluster, pod")
    monkeypatch.setenv("OTEL_KUBECOST_TOP_N_PODS", "2")
    monkeypatch.setenv("CLUSTER_NAME", "of-the-guide")
    host = Host(**{TENANT: "of-the-resource", CLUSTER: "other"})
    instrumentor.instrument(meter_provider=host.provider)
    (total,) = wait_until(lambda: host.points(CLUSTER_TOTAL))
    assert total.attributes[CLUSTER] == "of-the-guide"
    assert TENANT not in total.attributes
    pods = host.points("cloudtuner_kubecost_pod_total_cost")
    assert len([one for one in pods if one.attributes["k8s.pod.name"] != "__other__"]) == 2


def test_all_mistakes_are_logged_and_raise_nothing(instrumentor, caplog):
    """The options of all parts are checked together, and each names its variable."""
    instrumentor.instrument(endpoint="kubecost", top_n_pod=5, max_attribute_sets=1, tenant_id="t")
    said = "\n".join(logged(caplog))
    for words in (
        "endpoint: write the URL with its scheme",
        "cluster_name: is required",
        "its variable is OTEL_KUBECOST_CLUSTER_NAME",
        "top_n_pod: unknown key; did you mean `top_n_pods`?",
        "max_attribute_sets: must be 10 or more",
    ):
        assert words in said
    assert not instrumentor.is_instrumented_by_opentelemetry


def test_options_without_an_endpoint_are_a_mistake(instrumentor, caplog):
    """Whoever says what to observe has forgotten where."""
    instrumentor.instrument(levels=["cluster"], **WHO)
    (line,) = logged(caplog)
    assert "endpoint: is required" in line


def test_a_disabled_sdk_disables_it(instrumentor, kubecost, monkeypatch):
    """OTEL_SDK_DISABLED: neither gauges nor the section of a file."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "True")
    before = threading.active_count(), len(kubecost.requests)
    instrumentor.instrument(endpoint=kubecost.url, **WHO)
    assert (threading.active_count(), len(kubecost.requests)) == before
    assert not instrumentor.is_instrumented_by_opentelemetry


def test_a_kubecost_that_fails_never_reaches_the_application():
    """The failure is a value of its own; costs that were there stay until they are too old."""
    clock, host = FakeClock(1_795_434_420.0), Host()
    with SimulatedKubecost(SimulatedCluster(seed=1), FakeClock(4_000_000_000.0)) as kubecost:
        options = WHO | {"endpoint": kubecost.url, "max_staleness": "2m", "timeout": "2s"}
        options |= {"collection_interval": "60s"}
        observing = Observing(options, gauges_of(host.provider), clock)
        seen = []
        for answer in (kubecost.compute, Reply(500), Reply(500), Reply(500), Reply(500)):
            kubecost.answer(answer)
            observing.observe(clock.time())
            seen.append((host.points(SUCCESS)[0].value, bool(host.points(CLUSTER_TOTAL))))
            clock.advance(60)
        observing.stop()
    assert seen == [(1.0, True), (0.0, True), (0.0, True), (0.0, False), (0.0, False)]


def test_a_defect_costs_one_mark(caplog):
    """Whatever goes wrong on the thread, the next mark is observed."""
    clock, host = FakeClock(1_795_434_420.0), Host()
    answer = {"code": 200, "data": [{}]}
    with FakeKubecost(answer) as kubecost, caplog.at_level(logging.ERROR, "otel_kubecost"):
        observing = Observing(WHO | {"endpoint": kubecost.url}, gauges_of(host.provider), clock)
        observing._limit = lambda _: 1 / 0
        observing.start()
        wait_until(lambda: "nobody foresaw" in caplog.text)
        observing._limit = lambda batch: batch
        clock.wait_for_waiters()
        clock.advance(60)
        wait_until(lambda: host.points(SUCCESS))
        observing.stop()


def section(tmp_path, text, heading='file_format: "1.0"\n'):
    path = tmp_path / "otel.yaml"
    path.write_text(f"{heading}otel_kubecost:\n{text}")
    return str(path)


PIPELINE = """
  receivers: {{kubecost: {{endpoint: "{url}", tenant_id: t, cluster_name: c}}}}
  exporters: {{prometheus: {{endpoint: "127.0.0.1:{port}"}}}}
  service: {{pipelines: {{metrics: {{receivers: [kubecost], exporters: [prometheus]}}}}}}
"""


def test_the_section_of_a_file_is_run(instrumentor, kubecost, tmp_path, monkeypatch):
    """It asks Kubecost as long as the instrumentor runs, and needs no endpoint of its own."""
    path = section(tmp_path, PIPELINE.format(url=kubecost.url, port=free_port()))
    monkeypatch.setenv("OTEL_CONFIG_FILE", path)
    asked, before = len(kubecost.requests), threading.active_count()
    instrumentor.instrument(skip_dep_check=True)
    running = instrumentor._section
    instrumentor.instrument(skip_dep_check=True)
    assert instrumentor._section is running
    wait_until(lambda: len(kubecost.requests) > asked)
    instrumentor.uninstrument()
    wait_until(lambda: threading.active_count() <= before + 2)  # of the server
    assert instrumentor._section is None


@pytest.mark.parametrize(
    "heading",
    [
        'file_format: "1.0"\ndisabled: true\n',
        'file_format: "1.0"\ndisabled: ${OFF:-true}\n',
        "",
    ],
)
def test_a_section_that_is_not_to_run(instrumentor, tmp_path, monkeypatch, heading, caplog):
    """Of a file that is disabled, or no configuration of OpenTelemetry's."""
    path = section(tmp_path, PIPELINE.format(url="http://127.0.0.1:1", port=free_port()), heading)
    monkeypatch.setenv("OTEL_CONFIG_FILE", path)
    instrumentor.instrument()
    assert instrumentor._section is None
    assert logged(caplog) == []


def test_all_mistakes_of_a_section_are_logged(instrumentor, tmp_path, monkeypatch, caplog):
    """Each with its place in the file; the application goes on."""
    text = PIPELINE.format(url="http://127.0.0.1:1", port=free_port())
    path = section(tmp_path, text.replace("tenant_id: t", "tenant: t"))
    monkeypatch.setenv("OTEL_CONFIG_FILE", path)
    instrumentor.instrument()
    lines = logged(caplog)
    assert len(lines) == 2
    assert all(line.startswith("The section otel_kubecost is not used: ") for line in lines)
    assert f"{path}:4:" in lines[0]


def test_a_section_that_cannot_start_is_logged(
    instrumentor, kubecost, tmp_path, monkeypatch, caplog
):
    """A port that is taken is the section's trouble, not the application's."""
    port = kubecost.url.rpartition(":")[2]
    monkeypatch.setenv(
        "OTEL_CONFIG_FILE", section(tmp_path, PIPELINE.format(url=kubecost.url, port=port))
    )
    instrumentor.instrument()
    (line,) = logged(caplog)
    assert "cannot start" in line
    assert "in use" in line
    assert instrumentor._section is None


def test_a_file_that_is_not_there_is_the_sdks_business(instrumentor, tmp_path, monkeypatch, caplog):
    """It says so itself."""
    monkeypatch.setenv("OTEL_CONFIG_FILE", str(Path(tmp_path) / "missing.yaml"))
    instrumentor.instrument()
    assert logged(caplog) == []
