"""Batches of anything that an SDK may have, for the tests of what is made of them."""

from array import array

from hypothesis import HealthCheck, settings
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

from otel_kubecost.pdata import AttributeTable, PointColumns, PointDetails

at_any_pace = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine takes long to think of batches; that is no finding."""

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NAMES = st.text("abc.", min_size=1, max_size=3)
TIMES = st.integers(0, 2**63)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
COUNTS = st.integers(0, 2**64 - 1)
NUMBERS = INTEGERS | st.floats() | st.sampled_from([0, 0.0])
SCALARS = TEXT | st.booleans() | INTEGERS | st.floats()
ANYTHING = st.recursive(
    SCALARS | st.none() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
ATTRIBUTES = st.none() | st.dictionaries(NAMES, ANYTHING, max_size=3)
FEW_ATTRIBUTES = st.dictionaries(NAMES, TEXT | st.integers(5, 9), max_size=2)
TEMPORALITIES = st.sampled_from(AggregationTemporality)
EXEMPLARS = st.lists(
    st.builds(
        Exemplar,
        filtered_attributes=ATTRIBUTES,
        value=INTEGERS | st.floats(),
        time_unix_nano=TIMES,
    )
    | st.builds(
        Exemplar,
        filtered_attributes=ATTRIBUTES,
        value=INTEGERS | st.floats(),
        time_unix_nano=TIMES,
        span_id=st.integers(0, 2**64 - 1),
        trace_id=st.integers(0, 2**128 - 1),
    ),
    max_size=2,
)
"""With both ids or none: OpenTelemetry's encoder drops one that is alone."""
NUMBER_POINTS = st.lists(
    st.builds(NumberDataPoint, ATTRIBUTES, st.none() | TIMES, TIMES, NUMBERS, EXEMPLARS), max_size=3
)
HISTOGRAM_POINTS = st.lists(
    st.builds(HistogramDataPoint, ATTRIBUTES, TIMES, TIMES, COUNTS, st.floats(),
              st.lists(COUNTS, max_size=3), st.lists(st.floats(), max_size=3),
              st.none() | st.floats(), st.none() | st.floats(), EXEMPLARS),
    max_size=2,
)  # fmt: skip
BUCKETS = st.builds(Buckets, st.integers(-(2**31), 2**31 - 1), st.lists(COUNTS, max_size=3))
EXPONENTIAL_POINTS = st.lists(
    st.builds(ExponentialHistogramDataPoint, ATTRIBUTES, TIMES, TIMES, COUNTS, st.floats(),
              st.integers(-10, 20), COUNTS, BUCKETS, BUCKETS, st.integers(0, 9),
              st.floats(), st.floats(), EXEMPLARS),
    max_size=2,
)  # fmt: skip


def metrics(data):
    return st.builds(Metric, NAMES, st.none() | TEXT, st.none() | TEXT, data)


PLAIN_METRICS = metrics(
    st.builds(Gauge, NUMBER_POINTS)
    | st.builds(Sum, NUMBER_POINTS, TEMPORALITIES, st.booleans())
    | st.builds(Histogram, HISTOGRAM_POINTS, TEMPORALITIES)
    | st.builds(ExponentialHistogram, EXPONENTIAL_POINTS, TEMPORALITIES)
)


@st.composite
def details(draw, count):
    """What points have for themselves alone: times, starts, exemplars, or some of these."""
    moments = st.lists(st.integers(0, 2**62), min_size=count, max_size=count)
    times, starts = (array("q", one) if one else None for one in draw(st.tuples(moments, moments)))
    exemplars = {at: draw(EXEMPLARS) for at in draw(st.sets(st.integers(0, count)))}
    return PointDetails(
        draw(st.sampled_from([times, None])),
        draw(st.sampled_from([starts, None])),
        draw(st.sampled_from([exemplars, None])),
    )


@st.composite
def column_metrics(draw):
    """Metrics over one table, some with the same rows, time and constants, some with holes."""
    keys = draw(st.lists(NAMES, unique=True, max_size=3))
    rows = draw(st.lists(st.tuples(*[TEXT] * len(keys)), unique=True, max_size=9))
    dense = AttributeTable.of(keys, rows)
    table = AttributeTable(keys, dense.columns, len(rows), is_sparse=draw(st.booleans()))
    some, holes = draw(st.tuples(TIMES, st.sets(st.integers(0, 8))))
    found = []
    for _ in range(draw(st.integers(1, 4))):
        constant = draw(st.just({"currency": "USD"}) | st.dictionaries(NAMES, TEXT, max_size=2))
        if table.is_sparse:  # one that stands in for a row's has its place or the last: who knows
            constant = {key: text for key, text in constant.items() if key not in keys}
        values = [draw(st.floats()) for _ in rows]
        if draw(st.booleans()):
            values = [None if row in holes else value for row, value in enumerate(values)]
        at = draw(st.just(some) | TIMES)
        points = PointColumns.of(table, values, constant=constant, time_unix_nano=at)
        points.start_time_unix_nano = draw(st.just(0) | TIMES)
        points.details = draw(st.none() | details(len(points)))
        kinds = [Gauge(points), Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)]
        found.append(draw(metrics(st.sampled_from(kinds))))
    return found


METRICS = st.lists(st.lists(PLAIN_METRICS, max_size=2) | column_metrics(), max_size=2).map(
    lambda groups: [metric for group in groups for metric in group]
)
SCOPES = st.builds(
    InstrumentationScope, st.sampled_from("st"), st.none() | TEXT, st.just("") | TEXT,
    FEW_ATTRIBUTES,
)  # fmt: skip
BATCHES = st.builds(
    MetricsData,
    st.lists(
        st.builds(
            ResourceMetrics,
            st.builds(Resource, FEW_ATTRIBUTES, st.just("") | TEXT),
            st.lists(st.builds(ScopeMetrics, SCOPES, METRICS, st.just("")), max_size=2),
            st.just(""),
        ),
        max_size=3,
    ),
)
"""Resources and scopes may be there more than once."""
