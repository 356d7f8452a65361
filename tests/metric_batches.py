"""Batches of every shape that exporters of an SDK meet, as hypothesis draws them."""

from array import array
from dataclasses import fields

from hypothesis import strategies as st
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
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import (
    AttributeTable,
    PointColumns,
    PointDetails,
    StringColumn,
    each_metric,
)

TIMES = {"start_time_unix_nano": 1, "time_unix_nano": 2}


def number(at):
    return NumberDataPoint({"at": str(at)}, value=float(at), **TIMES)


def histogram(at):
    return HistogramDataPoint({"at": str(at)}, count=3, sum=float(at), bucket_counts=[1, 2],
                              explicit_bounds=[1.0], min=0.0, max=9.0, **TIMES)  # fmt: skip


def exponential(at):
    return ExponentialHistogramDataPoint(
        {"at": str(at)}, count=1, sum=float(at), scale=0, zero_count=0,
        positive=Buckets(0, [1]), negative=Buckets(0, []), flags=0, min=0.0, max=9.0, **TIMES
    )  # fmt: skip


def columns(count):
    """``count`` points out of a table with twice as many rows."""
    table = AttributeTable.of(["at"], [(str(row),) for row in range(2 * count)])
    values = [float(row) if row % 2 else None for row in range(2 * count)]
    return PointColumns.of(table, values, constant={"currency": "USD"}, time_unix_nano=7)


def listed(make, count):
    return [make(at) for at in range(count)]


def scraped_columns(count):
    """As ``columns``, of which every third lacks an attribute; each has times and an exemplar."""
    names = StringColumn.of(str(row) if row % 3 else "" for row in range(count))
    table = AttributeTable(["at", "row"], [names, StringColumn.of(map(str, range(count)))], count,
                           is_sparse=True)  # fmt: skip
    details = PointDetails(
        array("q", range(7, 7 + count)),
        array("q", range(1, 1 + count)),
        {at: [Exemplar({"a": "b"}, 1.5, 9, span_id=1, trace_id=at)] for at in range(0, count, 2)},
    )
    return PointColumns(table, array("d", range(count)), details=details)


TEMPORALITIES = st.sampled_from(list(AggregationTemporality))


@st.composite
def payloads(draw):
    """What a metric holds: no, one or several points of one of several kinds."""
    count = draw(st.integers(0, 7))
    temporality = draw(TEMPORALITIES)
    return draw(
        st.sampled_from(
            [
                Gauge(columns(count)),
                Gauge(listed(number, count)),
                Gauge(scraped_columns(count)),
                Sum(scraped_columns(count), temporality, is_monotonic=True),
                Sum(listed(number, count), temporality, is_monotonic=draw(st.booleans())),
                Histogram(listed(histogram, count), temporality),
                ExponentialHistogram(listed(exponential, count), temporality),
            ]
        )
    )


METRICS = st.builds(
    Metric,
    name=st.sampled_from(["cost", "cpu"]),
    description=st.sampled_from(["", "What it costs."]),
    unit=st.sampled_from(["", "{USD/h}"]),
    data=payloads(),
)
SCOPES = st.builds(
    ScopeMetrics,
    # Made anew each time: two of them may be equal, and are then two objects.
    scope=st.builds(
        InstrumentationScope,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["", "1"]),
        attributes=st.sampled_from([{}, {"part": "x"}]),
    ),
    metrics=st.lists(METRICS, max_size=3),
    schema_url=st.just(""),
)
RESOURCES = st.builds(
    ResourceMetrics,
    resource=st.builds(
        Resource,
        st.sampled_from([{}, {"tenant.id": "a"}, {"tenant.id": "b"}]),
        st.sampled_from(["", "https://opentelemetry.io/schemas/1.37.0"]),
    ),
    scope_metrics=st.lists(SCOPES, max_size=3),
    schema_url=st.just(""),
)
BATCHES = st.builds(MetricsData, st.lists(RESOURCES, max_size=4))


def points_of(data):
    """Every point, with all that is said of it above; one after the other."""
    return [
        (of_resource.resource, of_scope.scope, of_metric(metric), point)
        for of_resource, of_scope, metric in each_metric(data)
        for point in metric.data.data_points
    ]


def of_metric(metric):
    """What a metric says of its points."""
    said = [getattr(metric.data, one.name) for one in fields(metric.data)]
    names = (metric.name, metric.description, metric.unit, type(metric.data))
    return (*names, *(value for value in said if not hasattr(value, "__len__")))
