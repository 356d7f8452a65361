"""What the exporter for people prints, and how much of it."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from metric_batches import BATCHES
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.errors import ConfigError
from otel_kubecost.exporters.debug import FACTORY, DebugExporter
from otel_kubecost.exporters.debug.detailed import in_full
from otel_kubecost.exporters.debug.normal import in_short
from otel_kubecost.pdata import AttributeTable, PointColumns, count_points, gauge, metrics_of
from otel_kubecost.testing import FakeClock
from otel_kubecost.testing.contract import check_component

TIME = 1_700_000_000_250_000_000
CUMULATIVE = AggregationTemporality.CUMULATIVE


def costs():
    table = AttributeTable.of(["k8s.namespace.name"], [("default",), ("shop",)])
    points = PointColumns.of(table, [0.25, 2.0], constant={"currency": "USD"}, time_unix_nano=TIME)
    metrics = [gauge("cost", "What it costs.", "{USD/h}", points)]
    scopes = [(InstrumentationScope("kubecost", "1.0"), metrics)]
    return MetricsData([metrics_of({"tenant.id": "t", "k8s.cluster.name": "prod"}, scopes)])


def of_kinds():
    """One point of each kind that an SDK has, and what can be said of them."""
    sampled = Exemplar({"route": "/"}, 3, TIME, span_id=0xAB, trace_id=0xCD)
    number = NumberDataPoint({"n": 1, "on": True, "tags": ["a"]}, 10**9, TIME, 7, [sampled])
    histogram = HistogramDataPoint({}, 0, TIME, 3, 1.5, [1, 2], [0.5], 0.1, 0.9)
    exponential = ExponentialHistogramDataPoint(
        {}, 0, TIME, 4, 9.0, 1, 1, Buckets(2, [1, 2]), Buckets(0, []), 0, 0.0, 4.0
    )
    metrics = [
        Metric("orders", "", "1", Sum([number], CUMULATIVE, is_monotonic=True)),
        Metric("latency", "", "s", Histogram([histogram], CUMULATIVE)),
        Metric("size", "", "By", ExponentialHistogram([exponential], CUMULATIVE)),
    ]
    scope = ScopeMetrics(InstrumentationScope("app", attributes={"a": 0.5}), metrics, "scope-url")
    return MetricsData([ResourceMetrics(Resource({}), [scope], "resource-url")])


def printed(caplog):
    return [record.getMessage() for record in caplog.records]


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog):
    caplog.set_level("INFO")


@pytest.mark.parametrize("verbosity", ["basic", "normal", "detailed"])
def test_contract(verbosity):
    """It keeps the rules of a component."""
    check_component(FACTORY, {"verbosity": verbosity})


def test_a_batch_is_a_line_with_its_counts(caplog):
    """The default: enough to see that something passes, and how much."""
    assert DebugExporter().export(costs()) is MetricExportResult.SUCCESS
    (record,) = caplog.records
    assert record.getMessage() == "Metrics: 1 resources, 1 metrics, 2 data points"
    assert (record.levelname, record.resources, record.metrics) == ("INFO", 1, 1)
    assert record.data_points == 2


def test_normal_is_a_line_for_each_point(caplog):
    """As the Collector prints them."""
    DebugExporter(verbosity="normal").export(costs())
    assert printed(caplog) == [
        "Metrics: 1 resources, 1 metrics, 2 data points",
        "ResourceMetrics #0 tenant.id=t k8s.cluster.name=prod",
        "ScopeMetrics #0 kubecost@1.0",
        "cost{k8s.namespace.name=default,currency=USD} 0.25",
        "cost{k8s.namespace.name=shop,currency=USD} 2",
    ]


def test_normal_has_all_kinds_of_points():
    """Histograms with their buckets, on one line."""
    assert list(in_short(of_kinds())) == [
        "ResourceMetrics #0 [resource-url]",
        "ScopeMetrics #0 app [scope-url] a=0.5",
        'orders{n=1,on=true,tags=["a"]} 7',
        "latency{} count=3 sum=1.5 min=0.1 max=0.9 le0.5=1 2",
        "size{} count=4 sum=9 min=0 max=4 scale=1 zero_count=1 positive=2:1,3:2",
    ]


def test_detailed_is_everything_of_each_point(caplog):
    """A block for each thing, as the Collector prints them."""
    DebugExporter(verbosity="detailed").export(costs())
    assert "\n".join(printed(caplog)) == (
        """\
Metrics: 1 resources, 1 metrics, 2 data points
ResourceMetrics #0
Resource SchemaURL:
Resource attributes:
     -> tenant.id: Str(t)
     -> k8s.cluster.name: Str(prod)
ScopeMetrics #0
ScopeMetrics SchemaURL:
InstrumentationScope kubecost 1.0
Metric #0
Descriptor:
     -> Name: cost
     -> Description: What it costs.
     -> Unit: {USD/h}
     -> DataType: Gauge
NumberDataPoints #0
Data point attributes:
     -> k8s.namespace.name: Str(default)
     -> currency: Str(USD)
StartTimestamp: 1970-01-01 00:00:00 +0000 UTC
Timestamp: 2023-11-14 22:13:20.25 +0000 UTC
Value: 0.25
NumberDataPoints #1
Data point attributes:
     -> k8s.namespace.name: Str(shop)
     -> currency: Str(USD)
StartTimestamp: 1970-01-01 00:00:00 +0000 UTC
Timestamp: 2023-11-14 22:13:20.25 +0000 UTC
Value: 2"""
    )


def test_detailed_has_all_kinds_of_points():
    """With what is said of the points of a metric, and exemplars."""
    blocks = list(in_full(of_kinds()))
    orders, counted, latency, observed, _, exponential = blocks[2:]
    assert blocks[0] == "ResourceMetrics #0\nResource SchemaURL: resource-url"
    assert blocks[1].splitlines()[-2:] == [
        "InstrumentationScope attributes:",
        "     -> a: Double(0.5)",
    ]
    assert orders.splitlines()[-2:] == [
        "     -> IsMonotonic: true",
        "     -> AggregationTemporality: Cumulative",
    ]
    assert counted == (
        """\
NumberDataPoints #0
Data point attributes:
     -> n: Int(1)
     -> on: Bool(true)
     -> tags: Slice(["a"])
StartTimestamp: 1970-01-01 00:00:01 +0000 UTC
Timestamp: 2023-11-14 22:13:20.25 +0000 UTC
Value: 7
Exemplar #0
     -> Trace ID: 000000000000000000000000000000cd
     -> Span ID: 00000000000000ab
     -> Timestamp: 2023-11-14 22:13:20.25 +0000 UTC
     -> Value: 3
FilteredAttributes:
     -> route: Str(/)"""
    )
    assert "IsMonotonic" not in latency
    assert observed.splitlines()[3:] == [
        "Count: 3", "Sum: 1.5", "Min: 0.1", "Max: 0.9",
        "ExplicitBounds #0: 0.5", "Buckets #0, Count: 1", "Buckets #1, Count: 2",
    ]  # fmt: skip
    assert exponential.splitlines()[3:] == [
        "Count: 4", "Sum: 9", "Min: 0", "Max: 4", "Scale: 1", "ZeroCount: 1",
        "Positive bucket 2, Count: 1", "Positive bucket 3, Count: 2",
    ]  # fmt: skip


@given(BATCHES)
def test_every_point_is_printed_once(data):
    """Whatever an SDK gives; in short on one line."""
    assert sum("{" in line for line in in_short(data)) == count_points(data)
    assert sum("DataPoints #" in block for block in in_full(data)) == count_points(data)


class Unending(Sequence):
    """So many points that nobody may hold all; ``taken`` says how many were asked for."""

    taken = 0

    def __len__(self):
        return 10**9

    def __getitem__(self, at):
        self.taken += 1
        return NumberDataPoint({"at": str(at)}, 0, TIME, 1.5)


@pytest.mark.parametrize("printing", [in_short, in_full])
def test_a_point_is_printed_before_the_next_one_is_made(printing):
    """A batch of any size takes no memory beyond its columns."""
    points = Unending()
    scopes = [(InstrumentationScope("s"), [Metric("many", "", "", Gauge(points))])]
    texts = printing(MetricsData([metrics_of({}, scopes)]))
    assert any("1.5" in next(texts) for _ in range(4))
    assert points.taken == 1


def test_a_value_is_never_more_than_one_line():
    """Otherwise an attribute could look like a point of its own."""
    point = NumberDataPoint({"a": "x\ncost{} 1", "b": None, "c": b"y"}, 0, TIME, 1)
    scopes = [(InstrumentationScope("s"), [Metric("cost", "", "", Gauge([point]))])]
    *_, line = in_short(MetricsData([metrics_of({}, scopes)]))
    assert line == "cost{a=x\\ncost{} 1,b=,c=b'y'} 1"


def test_what_is_no_text_is_printed_as_python_writes_it(capsys):
    """Half a surrogate pair, and any letter that a terminal of ASCII lacks: no batch fails."""
    data = MetricsData([metrics_of({}, [(InstrumentationScope("a\ud800"), [])])])
    exporter = DebugExporter(use_internal_logger=False, verbosity="normal")
    assert exporter.export(data) is MetricExportResult.SUCCESS
    assert "a\\ud800" in capsys.readouterr().out


def test_it_can_print_to_standard_output(caplog, capsys):
    """Then the levels of the log say nothing of it."""
    DebugExporter(use_internal_logger=False, verbosity="normal").export(costs())
    assert caplog.records == []
    assert capsys.readouterr().out.splitlines()[::4] == [
        "Metrics: 1 resources, 1 metrics, 2 data points",
        "cost{k8s.namespace.name=shop,currency=USD} 2",
    ]


@pytest.mark.parametrize(
    ("initial", "thereafter", "taken"),
    [(2, 1, "1111111"), (2, 0, "1100000"), (1, 3, "1001001"), (0, 2, "0101010")],
)
def test_of_many_batches_in_a_second_some_are_printed(caplog, initial, thereafter, taken):
    """The first ones and every so many-th; in the next second it begins again."""
    clock = FakeClock(1_000_000.0)
    exporter = DebugExporter(clock=clock, sampling_initial=initial, sampling_thereafter=thereafter)
    for _ in range(2):
        seen = []
        for _ in taken:
            caplog.clear()
            exporter.export(costs())
            seen.append(str(len(caplog.records)))
        assert "".join(seen) == taken
        clock.advance(1)


def test_after_its_end_it_prints_nothing(caplog):
    """As any exporter of the SDK."""
    exporter = DebugExporter()
    exporter.shutdown()
    assert exporter.export(costs()) is MetricExportResult.FAILURE
    assert caplog.records == []


def test_options_are_checked():
    """A library user gets the message that the author of a file gets."""
    with pytest.raises(ConfigError, match="verbosity"):
        DebugExporter(verbosity="loud")
