"""Own metrics as a MeterProvider of the host process collects them."""

import gc
import math
import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
    Sum,
)
from recorded_spans import recorded_spans

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.own_instruments import OwnInstruments
from otel_kubecost.own_metrics import OwnMetrics, own_batch, own_metric
from otel_kubecost.pdata import each_metric
from otel_kubecost.testing import RemoteWriteReceiver


class Host:
    """A process with a MeterProvider."""

    def __init__(self):
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)
        self.instruments = OwnInstruments(self.provider)

    def collected(self):
        """The metrics of one collection, by name."""
        data = self.reader.get_metrics_data() or MetricsData([])
        return {metric.name: metric for _, _, metric in each_metric(data)}

    def values(self):
        """Values of one collection, by name and attributes."""
        return {
            (name, *sorted(point.attributes.items())): point.value
            for name, metric in self.collected().items()
            for point in metric.data.data_points
        }


@pytest.fixture
def host():
    host = Host()
    yield host
    host.provider.shutdown()


def says(*metrics, at=1.0):
    """Own metrics of one component that says (name, labels, value) of each."""
    own = OwnMetrics()
    said = [
        own_metric(name, f"About {name}.", [(about, value)], at) for name, about, value in metrics
    ]
    own.register("component", lambda: own_batch("test", said))
    return own


def test_names_are_those_of_the_page_without_total(host):
    """Whatever shows them to Prometheus appends it again; the type says what counts."""
    own = says(("sent_total", {"exporter": "a"}, 3), ("pending", {"exporter": "a"}, 4))
    host.instruments.expose(own)
    found = host.collected()
    assert host.values() == {("sent", ("exporter", "a")): 3, ("pending", ("exporter", "a")): 4}
    assert isinstance(found["sent"].data, Sum)
    assert found["sent"].data.is_monotonic
    assert not isinstance(found["pending"].data, Sum)
    assert found["pending"].description == "About pending."


def test_what_the_page_has_under_both_names_is_a_counter_once(host):
    """As the Collector's counters, whose name has two spellings in the field."""
    own = says(("sent", {}, 3), ("sent_total", {}, 3))
    host.instruments.expose(own)
    assert host.values() == {("sent",): 3}
    assert isinstance(host.collected()["sent"].data, Sum)


def test_what_the_process_is_stays_the_hosts_to_say(host):
    """Its instrumentation of the system has these already."""
    own = says(("process_open_fds", {}, 3), ("otel_kubecost_build_info", {}, 1))
    host.instruments.expose(own)
    assert host.values() == {("otel_kubecost_build_info",): 1}


def test_all_values_of_a_collection_are_of_one_moment(host):
    """A component is asked once for all its instruments, and anew at the next collection."""
    own, asked = OwnMetrics(), []

    def observe():
        asked.append(1)
        return own_batch("t", [own_metric(name, "", [({}, len(asked))], 1.0) for name in "abc"])

    own.register("component", observe)
    host.instruments.expose(own)
    first, second = host.values(), host.values()
    assert len(set(first.values())) == len(set(second.values())) == 1
    assert second[("a",)] == first[("a",)] + 1
    assert len(asked) == 3  # the first time for the names


def test_a_metric_that_has_no_value_yet_has_its_instrument(host):
    """What is only there in trouble is told when there is trouble."""
    own, trouble = OwnMetrics(), []
    own.register("a", lambda: own_batch("t", [own_metric("trouble", "", trouble, 1.0)]))
    host.instruments.expose(own)
    assert host.values() == {}
    trouble.append(({"reason": "dns"}, 1))
    assert host.values() == {("trouble", ("reason", "dns")): 1}


def test_instruments_do_not_pile_up_over_reloads(host, caplog):
    """Each is made once; the present configuration is asked, and its predecessor no more."""
    before = says(("sent_total", {"exporter": "a"}, 3))
    host.instruments.expose(before)
    for value in range(4, 20):
        now = says(("sent_total", {"exporter": "a"}, value), ("new", {}, 1))
        host.instruments.expose(now)
        host.instruments.withdraw(before)
        before = now
    assert host.values() == {("sent", ("exporter", "a")): 19, ("new",): 1}
    assert caplog.records == []  # the SDK warns of an instrument that is made twice


def test_of_a_series_that_two_tell_of_there_is_the_newest_value(host):
    """Two exporters know of the newest sample; to count it twice would be wrong."""
    older, newer = says(("newest", {}, 10), at=10.0), says(("newest", {}, 20), at=20.0)
    for own in (newer, older):
        host.instruments.expose(own)
    assert host.values() == {("newest",): 20}


def test_nobody_is_kept_by_being_told_of(host):
    """A pipeline that its owner has dropped is not asked any more."""
    own = says(("sent_total", {}, 3))
    host.instruments.expose(own)
    del own
    gc.collect()
    assert host.values() == {}


def test_an_export_that_tells_of_itself_does_not_grow():
    """The host's own metrics go through our exporter, ours among them: each export is one span and
    the same series, whatever it said of the one before."""
    with RemoteWriteReceiver() as receiver, recorded_spans() as spans:
        exporter = PrometheusRemoteWriteExporter(endpoint=receiver.endpoint)
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
        provider = MeterProvider([reader], shutdown_on_exit=False)
        own = OwnMetrics()
        own.register("exporter", exporter.own_metrics)
        OwnInstruments(provider).expose(own)
        grown = []
        for _ in range(5):
            assert provider.force_flush()
            grown.append((len(receiver.series), len(spans())))
        provider.shutdown()
    (series, first), *later = grown[1:]
    assert series > 10
    assert later == [(series, first + step) for step in (1, 2, 3)]


PROGRAM = """
import sys
from opentelemetry import metrics
from otel_kubecost.service import Service
from peers import wait_until
from otel_kubecost.testing import FakeClock, FakeKubecost, RemoteWriteReceiver

clock = FakeClock(1_790_000_000.0)
day = {"start": "2026-09-20T00:00:00Z", "end": "2026-09-21T00:00:00Z"}
answer = {"code": 200, "data": [{"one/shop": {**day, "totalCost": 24.0}}]}

def configuration(name):
    return {
        "receivers": {"kubecost": {
            "endpoint": kubecost.url, "tenant_id": "t", "cluster_name": "c", "currency": "USD"}},
        "exporters": {f"prometheus_remote_write/{name}": {"endpoint": receiver.endpoint}},
        "service": {"pipelines": {"metrics": {
            "receivers": ["kubecost"], "exporters": [f"prometheus_remote_write/{name}"]}}},
    }

with FakeKubecost(answer) as kubecost, RemoteWriteReceiver(clock=clock) as receiver:
    service = Service.from_mapping(configuration("one"), clock=clock)
    service._reload = lambda: Service.from_mapping(configuration("two"), clock=clock).config
    service.start()
    assert receiver.wait_for(1)
    assert clock.wait_for_waiters()
    assert "opentelemetry.sdk.trace" not in sys.modules
    assert type(metrics.get_meter_provider()).__name__ == "_ProxyMeterProvider"

    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader]))

    def sent():
        (of_resource,) = reader.get_metrics_data().resource_metrics
        (scope,) = of_resource.scope_metrics
        assert scope.scope.name == "otel_kubecost"
        (metric,) = [m for m in scope.metrics if m.name == "otelcol_exporter_sent_metric_points"]
        return [(p.attributes["exporter"], p.value) for p in metric.data.data_points]

    wait_until(lambda: sent() == [("prometheus_remote_write/one", receiver.sample_count)])
    assert service._reconfigure()
    assert [name for name, _ in sent()] == ["prometheus_remote_write/two"]
    service.shutdown()
    assert sent() == [("prometheus_remote_write/two", receiver.sample_count)]
"""


def test_a_service_is_told_to_the_provider_that_its_process_sets_up():
    """Before or after the service; nothing sets one up for it. After a reload, and the end, its
    present exporters are told of."""
    here = Path(__file__).parent
    subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], cwd=here, check=True)
