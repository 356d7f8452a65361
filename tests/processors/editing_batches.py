"""Batches as columns and as the lists they stand for, and what is meant by an edit of lists."""

from dataclasses import replace

from hypothesis import strategies as st
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
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import (
    AttributeTable,
    PointColumns,
    each_metric,
    gauge,
    map_scopes,
    metrics_of,
)

NAMESPACE, POD, CURRENCY = "k8s.namespace.name", "k8s.pod.name", "currency"
NAMES = ["pod_cpu_cost", "pod_ram_cost", "pod_cpu_efficiency", "errors"]
SCOPES = [InstrumentationScope("one"), InstrumentationScope("two")]

_VALUES = {
    NAMESPACE: st.sampled_from(["a", "b", ""]),
    POD: st.sampled_from(["p", "q", "r", "b"]),
    CURRENCY: st.sampled_from(["USD", "USD", "EUR", ""]),
}
_CONSTANTS = st.sampled_from([{}, {CURRENCY: "USD"}, {CURRENCY: "USD", "env": "a"}, {"env": "b"}])


@st.composite
def tables(draw):
    keys = draw(st.lists(st.sampled_from(list(_VALUES)), unique=True))
    rows = draw(st.lists(st.tuples(*(_VALUES[key] for key in keys)), unique=True, max_size=8))
    return AttributeTable.of(keys, rows)


@st.composite
def metrics(draw):
    """Metrics of one scope, of which some share a table."""
    shared = draw(st.lists(tables(), min_size=1, max_size=2))
    return [
        draw(metric(name, draw(st.sampled_from(shared))))
        for name in draw(st.lists(st.sampled_from(NAMES), unique=True))
    ]


@st.composite
def metric(draw, name, table):
    values = st.none() | st.sampled_from([0.0, 0.25, 1.0, 7.5, -2.0, 1e16])
    constant = {key: value for key, value in draw(_CONSTANTS).items() if key not in table.keys}
    points = PointColumns.of(
        table,
        draw(st.lists(values, min_size=len(table), max_size=len(table))),
        constant=constant,
        time_unix_nano=60,
    )
    total = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
    return Metric(name, "", "", total if name == "errors" else Gauge(points))


@st.composite
def batches(draw):
    """One resource or two, of one cluster or two, with the same scopes or others."""
    return MetricsData(
        [
            metrics_of(
                {"k8s.cluster.name": cluster, "tenant.id": "t"},
                [(scope, draw(metrics())) for scope in SCOPES[: draw(st.integers(1, 2))]],
            )
            for cluster in draw(st.sampled_from(["c", "cd", "cc"]))
        ]
    )


def plain(data):
    """The same batch with lists instead of columns."""

    def of_metric(one):
        return replace(one, data=replace(one.data, data_points=list(one.data.data_points)))

    return map_scopes(data, lambda _, metrics: [of_metric(one) for one in metrics])


def in_words(data):
    """A batch as nested lists that are equal where it says the same, points in any order."""
    return [
        (dict(resource.resource.attributes), scope.scope.name, list(map(in_a_word, scope.metrics)))
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
    ]


def in_a_word(one):
    return one.name, one.unit, type(one.data).__name__, points_in_words(one)


def points_in_words(one):
    return sorted(
        (sorted((point.attributes or {}).items()), point.time_unix_nano, point.value)
        for point in one.data.data_points
    )


def each_points(data):
    return [
        one.data.data_points
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for one in scope.metrics
    ]


def edited(one, edit):
    """A metric whose points' attributes are what ``edit`` makes of them; None where none is left.

    Slow and plain: of the points that became the same series the sum, where it is one of money in
    one currency, or of a Sum; and else nothing.
    """
    points = one.data.data_points
    after = [(edit(dict(point.attributes)), point) for point in points]
    if all(attributes == point.attributes for attributes, point in after):
        return one
    left = []
    for attributes, _ in after:
        group = [point for other, point in after if other == attributes]
        currencies = {point.attributes.get(CURRENCY) or None for point in group}
        adds = isinstance(one.data, Sum) or (len(currencies) == 1 and None not in currencies)
        if (len(group) == 1 or adds) and attributes not in [point.attributes for point in left]:
            total = sum(sorted(point.value for point in group))
            left.append(replace(group[0], attributes=attributes, value=total))
    return replace(one, data=replace(one.data, data_points=left)) if left else None


def edited_batch(data, edit, is_meant=lambda _, __: True):
    def change(resource, metrics):
        changed = [edited(one, edit) if is_meant(resource, one) else one for one in metrics]
        return [one for one in changed if one]

    return map_scopes(data, change)


def costs(name, values, keys=(NAMESPACE, POD), time=60, **constant):
    """A gauge over columns, from the values by their attributes."""
    table = AttributeTable.of(keys, list(values))
    points = PointColumns.of(table, values.values(), constant=constant, time_unix_nano=time)
    return gauge(name, "", "", points)


def batch(*metrics, scope=SCOPES[0], **resource):
    return MetricsData([metrics_of(resource, [(scope, metrics)])])


def values(data):
    """By the name of each metric its values, by the values of their attributes in their order."""
    return {
        one.name: {
            tuple(dict(point.attributes).values()): point.value for point in one.data.data_points
        }
        for _, _, one in each_metric(data)
    }


def foreign(**attributes):
    """A metric of each type, as an SDK has them, with one point of these attributes."""
    number = NumberDataPoint(attributes, 1, 60, 3)
    histogram = HistogramDataPoint(attributes, 1, 60, 2, 3.0, [1, 1], [5.0], 1.0, 2.0)
    empty = Buckets(0, [])
    exponential = ExponentialHistogramDataPoint(
        attributes, 1, 60, 2, 3.0, 0, 2, empty, empty, 0, 1.0, 2.0
    )
    delta = AggregationTemporality.DELTA
    return [
        Metric("gauge", "", "", Gauge([number])),
        Metric("sum", "", "", Sum([number], delta, is_monotonic=True)),
        Metric("histogram", "", "", Histogram([histogram], delta)),
        Metric("exponential", "", "", ExponentialHistogram([exponential], delta)),
    ]


def attributes_in(data):
    """Those of all points."""
    return [dict(point.attributes) for points in each_points(data) for point in points]
