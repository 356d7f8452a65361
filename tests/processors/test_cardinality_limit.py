"""The cardinality limit: fewer series, the same cost."""

import logging
import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData, NumberDataPoint
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.errors import ConfigError
from otel_kubecost.pdata import (
    AttributeTable,
    PointColumns,
    count_points,
    each_metric,
    emptied,
    gauge,
    metrics_of,
    nanoseconds,
    restamp,
)
from otel_kubecost.processors.cardinality_limit import CardinalityLimit

SCOPE = InstrumentationScope("test")
KEYS = ("k8s.namespace.name", "k8s.pod.name")
PREFIX = "cloudtuner_kubecost_pod_"


def pods(costs, metric="total_cost", time=60):
    """A metric of pods from {(namespace, pod): value}."""
    rows = sorted(costs)
    table = AttributeTable.of(KEYS, rows)
    values = [costs[row] for row in rows]
    points = PointColumns.of(table, values, constant={"currency": "USD"}, time_unix_nano=time)
    return gauge(PREFIX + metric, "", "", points)


def batch(*metrics, scope=SCOPE):
    return MetricsData([metrics_of({"tenant.id": "t"}, [(scope, metrics)])])


def columns(data):
    """Of each metric the points, all of them columns."""
    points = [metric.data.data_points for _, _, metric in each_metric(data)]
    assert all(isinstance(one, PointColumns) for one in points)
    return points


def values(data, metric="total_cost"):
    return {
        tuple(point.attributes[key] for key in KEYS): point.value
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for one in scope.metrics
        if one.name == PREFIX + metric
        for point in one.data.data_points
    }


COSTS = {("a", "p1"): 5.0, ("a", "p2"): 1.0, ("a", "p3"): 2.0, ("b", "p1"): 3.0, ("b", "p4"): 0.5}


def test_the_most_costly_pods_stay_and_the_others_are_folded_by_namespace():
    """Two pods stay; what the others of a namespace cost is that of its pod __other__."""
    limited = CardinalityLimit(top_n_pods=2)(batch(pods(COSTS)))
    assert values(limited) == {
        ("a", "p1"): 5.0,
        ("b", "p1"): 3.0,
        ("a", "__other__"): 3.0,
        ("b", "__other__"): 0.5,
    }


def test_a_namespace_whose_pods_are_all_kept_has_no_others():
    """Not even a row without a point."""
    [points] = columns(CardinalityLimit(top_n_pods=4)(batch(pods(COSTS))))
    assert [points.table.row(at)["k8s.pod.name"] for at in range(len(points.table))] == [
        "p1", "p2", "p3", "__other__", "p1",
    ]  # fmt: skip


def test_the_others_can_be_dropped_instead():
    """other: drop leaves the top pods alone."""
    limited = CardinalityLimit(top_n_pods=2, other="drop")(batch(pods(COSTS)))
    assert values(limited) == {("a", "p1"): 5.0, ("b", "p1"): 3.0}


def test_equal_costs_are_ranked_by_name():
    """Which of two equal pods stays does not depend on the order of the answer."""
    costs = {("a", "z"): 1.0, ("b", "a"): 1.0, ("a", "b"): 1.0}
    limited = CardinalityLimit(top_n_pods=2, other="drop")(batch(pods(costs)))
    assert set(values(limited)) == {("a", "b"), ("a", "z")}


def test_all_metrics_keep_the_same_pods():
    """The rank is that of the total cost, also for a metric in which another pod leads."""
    cpu = {key: 10.0 - cost for key, cost in COSTS.items()}
    limited = CardinalityLimit(top_n_pods=1, other="drop")(
        batch(pods(cpu, "cpu_cost"), pods(COSTS))
    )
    assert set(values(limited, "cpu_cost")) == set(values(limited)) == {("a", "p1")}


def test_folded_efficiencies_are_weighted_by_cost():
    """The efficiency of __other__ is what its pods' capacity was used to, dollar by dollar."""
    costs = {("a", "big"): 9.0, ("a", "x"): 3.0, ("a", "y"): 1.0}
    ratios = {("a", "big"): 0.1, ("a", "x"): 1.0, ("a", "y"): 0.2}
    limited = CardinalityLimit(top_n_pods=1)(
        batch(pods(costs), pods(costs, "cpu_cost"), pods(ratios, "cpu_efficiency"))
    )
    assert values(limited, "cpu_efficiency")["a", "__other__"] == pytest.approx(0.8)


def test_an_efficiency_that_nothing_weighs_is_absent():
    """Without costs to weigh by there is no mean to publish."""
    ratios = {("a", "x"): 1.0, ("a", "y"): 0.2}
    limited = CardinalityLimit(top_n_pods=0)(batch(pods(ratios, "cpu_efficiency")))
    assert values(limited, "cpu_efficiency") == {}


def test_a_pod_whose_cost_is_not_known_is_folded_without_inventing_one():
    """A pod without a CPU cost adds nothing to the CPU cost of __other__."""
    limited = CardinalityLimit(top_n_pods=0)(
        batch(pods(COSTS), pods(COSTS | {("a", "p1"): None}, "cpu_cost"))
    )
    assert values(limited, "cpu_cost") == {("a", "__other__"): 3.0, ("b", "__other__"): 3.5}


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.text("xyz", min_size=1, max_size=3)),
        st.floats(-1e6, 1e6),
        max_size=30,
    ),
    st.integers(0, 10),
)
def test_folding_preserves_the_cost_of_every_namespace(costs, top):
    """Totals before and after folding are equal, for any pods and any N."""
    limited = values(CardinalityLimit(top_n_pods=top)(batch(pods(costs))))
    for namespace in {name for name, _ in costs}:
        before = math.fsum(cost for (name, _), cost in costs.items() if name == namespace)
        after = math.fsum(cost for (name, _), cost in limited.items() if name == namespace)
        assert after == pytest.approx(before, rel=1e-12, abs=1e-6)
    assert len([pod for _, pod in limited if pod != "__other__"]) <= top


def test_metrics_that_are_not_about_pods_pass_unchanged():
    """Namespaces and clusters are never folded."""
    table = AttributeTable.of(["k8s.namespace.name"], [("a",), ("b",)])
    metric = gauge(
        "cloudtuner_kubecost_namespace_total_cost", "", "", PointColumns.of(table, [1, 2])
    )
    limited = CardinalityLimit(top_n_pods=0)(batch(metric))
    assert limited.resource_metrics[0].scope_metrics[0].metrics == [metric]


def test_the_allowlist_is_anchored():
    """A pattern has to match the whole name, as in Prometheus."""
    metrics = [pods(COSTS), pods(COSTS, "cpu_cost"), pods(COSTS, "cpu_cost_extra")]
    limit = CardinalityLimit(metric_allowlist=[".*_total_cost", "cloudtuner_kubecost_pod_cpu_cost"])
    limited = limit(batch(*metrics))
    names = [metric.name for metric in limited.resource_metrics[0].scope_metrics[0].metrics]
    assert names == [PREFIX + "total_cost", PREFIX + "cpu_cost"]


def test_max_series_keeps_fewer_pods_and_still_every_cost():
    """Where there is room for fewer pods, more of them are folded; the sum stays."""
    costs = {("a", f"p{at:03}"): float(at) for at in range(100)}
    limited = CardinalityLimit(top_n_pods=90, max_series=20)(batch(pods(costs)))
    assert count_points(limited) <= 20
    assert math.fsum(values(limited).values()) == math.fsum(costs.values())
    assert values(limited)["a", "p099"] == 99.0


def test_max_series_counts_on_no_mean_that_nothing_weighs():
    """The efficiency of pods without a cost is absent once they are folded: others have room."""
    costs = {("a", "p0"): 1.0, ("a", "p1"): 0.0, ("a", "p2"): 0.0, ("a", "p3"): 0.0}
    scrape = batch(pods(costs, "cpu_cost"), pods(costs, "cpu_efficiency"))
    kept = {
        limit: set(values(CardinalityLimit(top_n_pods=4, max_series=limit)(scrape), "cpu_cost"))
        for limit in range(2, 8)
    }
    assert {limit: len(names - {("a", "__other__")}) for limit, names in kept.items()} == {
        2: 0, 3: 1, 4: 1, 5: 2, 6: 2, 7: 2,
    }  # fmt: skip


def test_max_series_holds_where_there_are_no_pods_to_fold():
    """Series are cut from the end, so the coarser levels, which come first, stay."""
    table = AttributeTable.of(["k8s.namespace.name"], [(str(at),) for at in range(10)])
    first = gauge("first", "", "", PointColumns.of(table, [1.0] * 10))
    second = gauge("second", "", "", PointColumns.of(table, [1.0] * 10))
    limited = CardinalityLimit(max_series=12)(batch(first, second))
    metrics = limited.resource_metrics[0].scope_metrics[0].metrics
    assert [len(metric.data.data_points) for metric in metrics] == [10, 2]


def test_what_is_cut_stays_columns():
    """The part of a metric that there is room for is columns over the same table."""
    table = AttributeTable.of(["k8s.namespace.name"], [(str(at),) for at in range(10)])
    points = PointColumns.of(table, [float(at) for at in range(10)], constant={"currency": "USD"})
    [cut] = columns(CardinalityLimit(max_series=4)(batch(gauge("m", "", "", points))))
    assert cut == list(points)[:4]
    assert cut.table is table


def test_plain_points_are_cut_as_a_list():
    """Points that are not columns lose those at the end, as columns do."""
    points = [NumberDataPoint({"at": at}, 0, 0, 1.0) for at in range(5)]
    limited = CardinalityLimit(max_series=2)(batch(Metric("m", "", "", Gauge(points))))
    [metric] = limited.resource_metrics[0].scope_metrics[0].metrics
    assert metric.data.data_points == points[:2]


def test_plain_points_are_folded_like_columns():
    """A processor before this one may have made lists of the columns."""
    metric = pods(COSTS)
    plain = Metric(metric.name, "", "", Gauge(list(metric.data.data_points)))
    limit = CardinalityLimit(top_n_pods=2)
    assert values(limit(batch(plain))) == values(limit(batch(metric)))


NAMESPACES = gauge(
    "cloudtuner_kubecost_namespace_total_cost", "", "",
    PointColumns.of(AttributeTable.of(["k8s.namespace.name"], [("a",), ("b",)]), [8.5, 3.5]),
)  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [{"top_n_pods": 2}, {"other": "drop", "top_n_pods": 2}, {"max_series": 7}, {"max_series": 3}],
    ids=["folded", "dropped", "fewer pods", "cut"],
)
def test_the_same_scrape_at_a_later_mark_has_the_same_columns(options):
    """A mark between scrapes costs no ranking: the objects are those of the mark before."""
    limit, scrape = CardinalityLimit(**options), batch(NAMESPACES, pods(COSTS), pods(COSTS, "cpu"))
    first = columns(limit(restamp(scrape, 60.0)))
    limit(batch(pods({("x", "y"): 1.0}), scope=InstrumentationScope("another receiver")))
    second = columns(limit(restamp(scrape, 120.0)))
    assert [a.shares(b) for a, b in zip(first, second, strict=True)] == [True] * len(first)
    assert [{one.time_unix_nano for one in all_of} for all_of in (first, second)] == [
        {nanoseconds(60.0)}, {nanoseconds(120.0)},
    ]  # fmt: skip
    assert second == columns(CardinalityLimit(**options)(restamp(scrape, 120.0)))


def test_a_new_scrape_is_never_taken_for_the_last():
    """Other costs of the same pods are ranked anew."""
    limit = CardinalityLimit(top_n_pods=1, other="drop")
    assert set(values(limit(batch(pods(COSTS))))) == {("a", "p1")}
    assert set(values(limit(batch(pods(COSTS | {("b", "p4"): 9.0}))))) == {("b", "p4")}
    assert set(values(limit(batch(pods(COSTS))))) == {("a", "p1")}


def test_what_has_ended_stays_ended():
    """An emptied batch after a full one of the same scope is empty, and full again after it."""
    limit, scrape = CardinalityLimit(top_n_pods=2), batch(pods(COSTS))
    sizes = [count_points(limit(data)) for data in (scrape, emptied(scrape), scrape)]
    assert sizes == [4, 0, 4]


def test_receivers_on_two_threads_get_their_own_results():
    """Whoever shares a processor, under different names or the same one, gets what is due to it."""
    limit = CardinalityLimit(top_n_pods=1, other="drop")
    scrapes = [
        batch(pods({("a", f"p{at}"): 1.0}), scope=InstrumentationScope(scope))
        for at, scope in enumerate(["one", "other", "one"])
    ]
    turns = [(at, scrapes[at]) for _ in range(200) for at in range(3)]
    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(lambda turn: values(limit(turn[1])), turns))
    assert results == [{("a", f"p{at}"): 1.0} for at, _ in turns]


def test_the_limit_is_reported_when_it_is_reached_and_when_it_no_longer_is(caplog):
    """Once each, however many batches come between, also small ones of other scopes."""
    limit = CardinalityLimit(max_series=3)
    small = batch(pods({("a", "p"): 1.0}), scope=InstrumentationScope("agent"))
    with caplog.at_level(logging.INFO, "otel_kubecost"):
        for scrape in (batch(pods(COSTS)), batch(pods(COSTS))):
            limit(restamp(scrape, 60.0))
            limit(small)
            limit(restamp(scrape, 120.0))
        limit(batch(pods({("a", "p"): 1.0})))
    assert caplog.messages == [
        "5 series are more than max_series allows (3): 1 pods are kept, 0 series are cut",
        "The number of series is below max_series again",
    ]


def test_plain_points_keep_the_same_pods_for_costs_and_efficiencies():
    """Costs have a currency among their attributes and efficiencies have not; a pod is a pod."""
    ratios = {key: 1.0 / cost for key, cost in COSTS.items()}
    efficiency = pods(ratios, "cpu_efficiency")
    points = [
        NumberDataPoint(
            {k: v for k, v in one.attributes.items() if k != "currency"}, 0, 60, one.value
        )
        for one in efficiency.data.data_points
    ]
    costs = [pods(COSTS), pods(COSTS, "cpu_cost")]
    plain = [Metric(one.name, "", "", Gauge(list(one.data.data_points))) for one in costs]
    limited = CardinalityLimit(top_n_pods=2, other="drop")(
        batch(*plain, Metric(efficiency.name, "", "", Gauge(points)))
    )
    assert (
        set(values(limited, "cpu_efficiency")) == set(values(limited)) == {("a", "p1"), ("b", "p1")}
    )


def test_the_batch_that_comes_in_is_left_as_it_is():
    """Another exporter may still read it."""
    before = batch(pods(COSTS))
    CardinalityLimit(top_n_pods=1)(before)
    assert values(before) == COSTS


def test_bad_options_are_refused_with_their_remedy():
    """A library user gets the same messages as the author of a file."""
    with pytest.raises(ConfigError) as refused:
        CardinalityLimit(top_n_pods=-1, other="keep", metric_allowlist=["("], top_pods=3)
    assert {problem.path for problem in refused.value.problems} == {
        "top_n_pods", "other", "metric_allowlist[0]", "top_pods",
    }  # fmt: skip
