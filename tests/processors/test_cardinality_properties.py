"""The cardinality limit on columns gives what the plain one over names gives."""

import random

import cardinality_oracle as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import AttributeTable, PointColumns, count_points, gauge, metrics_of
from otel_kubecost.processors.cardinality_limit import CardinalityLimit

PREFIX = "cloudtuner_kubecost_pod_"
ENDS = [
    "total_cost", "cpu_cost", "ram_cost", "gpu_cost", "cpu_cores",
    "cpu_efficiency", "ram_efficiency", "total_efficiency",
]  # fmt: skip
NAMESPACE, POD, NODE = "k8s.namespace.name", "k8s.pod.name", "k8s.node.name"
KEYS = [(NAMESPACE, POD), (POD,), (POD, NAMESPACE), (NAMESPACE, NODE, POD)]

# Few enough for equal costs, with what cannot be added exactly.
AMOUNTS = st.sampled_from([0.0, 0.0, -0.0, 0.1, 0.2, 0.3, 1e16, 1.0, -1.0, 7.5]) | st.floats(-9, 9)


def named(keys):
    of = {NAMESPACE: st.sampled_from("ab"), NODE: st.sampled_from("mn"),
          POD: st.sampled_from(["p", "q", "r", "s", "__other__", "zz"])}  # fmt: skip
    return st.tuples(*(of[key] for key in keys))


def columns(end, table, values):
    constant = {} if end.endswith("efficiency") else {"currency": "USD"}
    return gauge(
        PREFIX + end, "", "", PointColumns.of(table, values, constant=constant, time_unix_nano=60)
    )


@st.composite
def shared(draw, keys):
    """Metrics over one table, as a receiver has them, of whose rows not every point is known."""
    rows = draw(st.lists(named(keys), unique=True, max_size=12))
    table = AttributeTable.of(keys, rows)
    amounts = AMOUNTS if draw(st.booleans()) else AMOUNTS | st.none()
    values = st.lists(amounts, min_size=len(rows), max_size=len(rows))
    ends = draw(st.lists(st.sampled_from(ENDS), unique=True, min_size=1))
    return [columns(end, table, draw(values)) for end in ends]


@st.composite
def foreign(draw, keys):
    """Metrics that have each a table of its own, perhaps of other attributes, or a list."""
    result = []
    for end in draw(st.lists(st.sampled_from(ENDS), unique=True, min_size=1)):
        own = draw(st.sampled_from([keys, keys, (POD,)]))
        values = draw(st.dictionaries(named(own), AMOUNTS, max_size=12))
        one = columns(end, AttributeTable.of(own, list(values)), values.values())
        if draw(st.booleans()):
            one = Metric(one.name, "", "", Gauge(list(one.data.data_points)))
        result.append(one)
    return result


@st.composite
def batches(draw):
    scopes = []
    for at in range(draw(st.integers(1, 2))):
        keys = draw(st.sampled_from(KEYS))
        metrics = draw(shared(keys) | foreign(keys))
        names = AttributeTable.of([NAMESPACE], [("a",), ("b",)])
        namespaces = gauge("cloudtuner_kubecost_namespace_total_cost", "", "",
                           PointColumns.of(names, [1.0, 2.0]))  # fmt: skip
        scopes.append((InstrumentationScope(f"scope {at}"), [namespaces, *metrics]))
    return MetricsData([metrics_of({"tenant.id": "t"}, scopes)])


TOPS, HOW = st.integers(0, 13), st.sampled_from(["fold", "drop"])


def exact(columns_by_name):
    """Rows in their order with values bit for bit; metrics without rows left out."""
    return {
        name: (one.keys, [(row, value.hex()) for row, value in one.values.items()], one.currency)
        for name, one in columns_by_name.items()
        if one.values
    }


def in_order(columns_by_name):
    return {
        name: one._replace(values=dict(sorted(one.values.items())))
        for name, one in columns_by_name.items()
    }


@given(batches(), TOPS, HOW)
def test_columns_are_limited_as_names_are(data, top, other):
    """The same rows with the same values, to the last bit, whoever made the batch."""
    limit = CardinalityLimit(top_n_pods=top, other=other)
    for before, after in zip(oracle.scopes_of(data), oracle.scopes_of(limit(data)), strict=True):
        expected = oracle.limited(before, top, fold=other == "fold")
        assert exact(in_order(oracle.columns(after))) == exact(expected)
        assert [one.name for one in after] == [one.name for one in before]


@given(batches(), TOPS, HOW)
def test_what_is_limited_stands_in_order_of_its_names(data, top, other):
    """Metrics whose pods are limited share a table for each set of attributes."""
    limit = CardinalityLimit(top_n_pods=top, other=other)
    for before, after in zip(oracle.scopes_of(data), oracle.scopes_of(limit(data)), strict=True):
        changed = [new for old, new in zip(before, after, strict=True) if new is not old]
        found = oracle.columns(changed)
        assert found == in_order(found)
        tables = {id(one.data.data_points.table): one.data.data_points.table for one in changed}
        assert len({table.keys for table in tables.values()}) == len(tables)


@given(batches(), TOPS, HOW, st.integers(1, 60), st.sampled_from([[], [".*_cost"]]))
def test_max_series_keeps_as_many_pods_as_fit(data, top, other, most, allowlist):
    """The largest number of pods is kept with which the batch has no more than max_series."""
    scopes, fold = oracle.scopes_of(data), other == "fold"

    def allowed(name):
        return not allowlist or name.endswith("_cost")

    limit = CardinalityLimit(
        top_n_pods=top, other=other, max_series=most, metric_allowlist=allowlist
    )
    limited = limit(data)
    fitting = oracle.largest_top(scopes, top, allowed, most, fold=fold)
    assert count_points(limited) == min(most, oracle.count(scopes, fitting, allowed, fold=fold))
    if oracle.count(scopes, fitting, allowed, fold=fold) <= most:
        for before, after in zip(scopes, oracle.scopes_of(limited), strict=True):
            expected = oracle.limited(before, fitting, fold=fold)
            kept = {name: one for name, one in expected.items() if allowed(name)}
            assert exact(in_order(oracle.columns(after))) == exact(kept)


@pytest.mark.parametrize("other", ["fold", "drop"])
def test_as_many_pods_as_there_may_be_pass_as_they_are(other):
    """Where no pod has to go, the metrics are the very same objects, in whatever order."""
    rows = [("b", "p"), ("a", "q"), ("a", "p")]
    table = AttributeTable.of((NAMESPACE, POD), rows)
    metrics = [columns(end, table, [3.0, 2.0, 1.0]) for end in ENDS]
    data = MetricsData([metrics_of({}, [(InstrumentationScope("test"), metrics)])])
    [after] = oracle.scopes_of(CardinalityLimit(top_n_pods=3, other=other)(data))
    assert all(new is old for old, new in zip(metrics, after, strict=True))


def test_rows_without_a_point_are_no_pods():
    """A table may have more rows than there are pods; a place among the top is for a pod."""
    rows = [("a", f"p{at}") for at in range(5)]
    table = AttributeTable.of((NAMESPACE, POD), rows)
    metric = columns("total_cost", table, [None, -1.0, None, -2.0, None])
    data = MetricsData([metrics_of({}, [(InstrumentationScope("test"), [metric])])])
    [[two]] = oracle.scopes_of(CardinalityLimit(top_n_pods=2)(data))
    assert two is metric
    [[one]] = oracle.scopes_of(CardinalityLimit(top_n_pods=1, other="drop")(data))
    assert oracle.column(one).values == {("a", "p1"): -1.0}


def test_the_order_of_rows_does_not_matter():
    """Two agents whose tables have the same pods in another order send the same."""
    rows = [(f"n{at % 3}", f"p{at}") for at in range(30)]
    costs = {row: float(at % 4) for at, row in enumerate(rows)}
    results = []
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        metric = columns("total_cost", AttributeTable.of((NAMESPACE, POD), rows),
                         [costs[row] for row in rows])  # fmt: skip
        data = MetricsData([metrics_of({}, [(InstrumentationScope("test"), [metric])])])
        results.append(oracle.scopes_of(CardinalityLimit(top_n_pods=10)(data)))
    assert all(one == results[0] for one in results)
