"""The simulated cluster and the Kubecost in front of it."""

import math
from datetime import UTC, datetime
from itertools import pairwise

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_kubecost.testing import FakeClock, SimulatedCluster, SimulatedKubecost

HOUR = 3600
T0 = 1_767_225_600  # 2026-01-01T00:00:00Z
LEVELS = [
    ("cluster",),
    ("cluster", "namespace"),
    ("cluster", "namespace", "controllerKind", "controller"),
    ("cluster", "namespace", "pod"),
    ("cluster", "node"),
    ("namespace",),
    ("cluster", "label:team"),
    ("cluster", "annotation:owner"),
]
COSTS = ["cpuCost", "cpuCostAdjustment", "ramCost", "gpuCost", "pvCost", "networkCost",
         "loadBalancerCost", "totalCost"]  # fmt: skip

seeds = st.integers(0, 2**32)
starts = st.integers(0, 400 * 24).map(lambda hours: T0 + hours * HOUR)
lengths = st.integers(1, 30 * HOUR)


def total(rows, field):
    return math.fsum(row[field] for row in rows.values())


@settings(max_examples=25, deadline=None)
@given(seeds, starts, lengths)
def test_all_levels_add_up_to_the_same(seed, start, length):
    """Each cost summed over the rows of any level is the same within 1e-5 a row."""
    cluster = SimulatedCluster(seed)
    rows = {level: cluster.allocations(start, start + length, level) for level in LEVELS}
    for field in COSTS:
        expected = total(rows["cluster",], field)
        for level in LEVELS:
            tolerance = 1e-5 * (len(rows[level]) + 2)
            assert total(rows[level], field) == pytest.approx(expected, abs=tolerance), level


@settings(max_examples=25, deadline=None)
@given(seeds, starts, st.integers(1, 12), st.data())
def test_a_window_costs_what_its_parts_cost(seed, start, hours, data):
    """A window cut anywhere costs the sum of the two parts."""
    cluster, end = SimulatedCluster(seed), start + hours * HOUR
    cut = data.draw(st.integers(start + 1, end - 1))
    level = ("cluster", "namespace", "pod")
    whole, *parts = (
        cluster.allocations(*span, level) for span in ((start, end), (start, cut), (cut, end))
    )
    tolerance = 1e-5 * (len(whole) + sum(map(len, parts)))
    assert total(whole, "totalCost") == pytest.approx(
        sum(total(part, "totalCost") for part in parts), abs=tolerance
    )


@settings(max_examples=25, deadline=None)
@given(seeds, starts, lengths)
def test_total_cost_is_the_sum_of_its_parts(seed, start, length):
    """A row's totalCost is its costs and adjustments together, within its rounding."""
    rows = SimulatedCluster(seed).allocations(start, start + length, ("cluster", "namespace"))
    parts = [field for field in COSTS if field != "totalCost"]
    for row in rows.values():
        assert row["totalCost"] == pytest.approx(sum(row[part] for part in parts), abs=1e-4)


@settings(max_examples=20, deadline=None)
@given(seeds, starts)
def test_nothing_happens_twice_differently(seed, start):
    """The same question gets the same rows, from another cluster of that seed as well."""
    span = (start, start + HOUR, ("cluster", "namespace", "pod"))
    assert SimulatedCluster(seed).allocations(*span) == SimulatedCluster(seed).allocations(*span)


@settings(max_examples=25, deadline=None)
@given(starts, st.integers(-7200, 10_800))
def test_nothing_is_known_after_now(start, ahead):
    """Rows end at now at the latest, and cost what the time until then costs."""
    cluster, end, now = SimulatedCluster(7), start + 2 * HOUR, start + ahead + 0.5
    rows = cluster.allocations(start, end, ("cluster", "pod"), now=now)
    past = cluster.allocations(start, min(end, int(now)), ("cluster", "pod"))
    assert {key: row["totalCost"] for key, row in rows.items()} == {
        key: row["totalCost"] for key, row in past.items()
    }
    for row in rows.values():
        assert datetime.fromisoformat(row["end"]).timestamp() <= min(end, now)
        assert row["window"]["end"] == datetime.fromtimestamp(end, UTC).isoformat()[:19] + "Z"


def test_the_cluster_lives():
    """Over two days pods come and go, and idle capacity is always there and never negative."""
    cluster = SimulatedCluster()
    hours = [T0 + hour * HOUR for hour in range(48)]
    rows = [cluster.allocations(at, at + HOUR, ("cluster", "namespace", "pod")) for at in hours]
    pods = [{key for key in answer if key.count("/") == 2} for answer in rows]
    assert sum(before != after for before, after in pairwise(pods)) > 40
    assert all(answer["demo-cluster/__idle__"]["totalCost"] > 0 for answer in rows)


def test_rows_look_like_the_products():
    """A row has the requested dimensions alone as properties, and the fields a receiver reads."""
    rows = SimulatedCluster().allocations(T0, T0 + 24 * HOUR, ("cluster", "namespace"))
    assert set(rows) == {
        "demo-cluster/__idle__", "demo-cluster/__unmounted__", "demo-cluster/dev",
        "demo-cluster/kube-system", "demo-cluster/ml-training", "demo-cluster/monitoring",
        "demo-cluster/payments", "demo-cluster/shop",
    }  # fmt: skip
    shop, training = rows["demo-cluster/shop"], rows["demo-cluster/ml-training"]
    assert shop["name"] == "demo-cluster/shop"
    assert shop["properties"] == {"cluster": "demo-cluster", "namespace": "shop"}
    assert shop["minutes"] == 1440
    assert shop["loadBalancerCost"] > 0 < shop["networkCost"]
    assert training["gpuCost"] > training["cpuCost"]
    assert rows["demo-cluster/payments"]["cpuCostAdjustment"] < 0
    assert rows["demo-cluster/__unmounted__"]["pvCost"] > 0
    assert all(value == round(value, 5) for value in shop.values() if isinstance(value, float))


def test_keys_follow_the_dimensions():
    """Missing dimensions are __unallocated__, a lone controller has its kind, unknown ones drop."""
    cluster, span = SimulatedCluster(), (T0, T0 + HOUR)
    assert "demo-cluster/__unallocated__" in cluster.allocations(*span, ("cluster", "node"))
    assert "statefulset:postgres" in cluster.allocations(*span, ("controller",))
    assert "demo-cluster/shop" in cluster.allocations(*span, ("cluster", "nonsense", "namespace"))
    assert "__idle__" in cluster.allocations(*span, ("namespace",))
    assert "__idle__" not in cluster.allocations(*span, ("namespace",), idle=False)
    with pytest.raises(ValueError, match="nonsense"):
        cluster.allocations(*span, ("nonsense",))


def ask(kubecost, start, end, **parameters):
    window = ",".join(
        datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (start, end)
    )
    return requests.get(
        f"{kubecost.url}/model/allocation", params={"window": window, **parameters}, timeout=9
    )


@pytest.fixture
def kubecost():
    with SimulatedKubecost(SimulatedCluster(), FakeClock(T0 + 1800)) as server:
        yield server


def test_the_future_is_null(kubecost):
    """An hour that has not begun is null, as an hour that Kubecost has not computed."""
    answer = ask(kubecost, T0 + HOUR, T0 + 2 * HOUR, aggregate="cluster", accumulate="true")
    assert answer.json() == {"code": 200, "data": [None]}


def test_the_present_hour_ends_now(kubecost):
    """The hour in progress has rows that end at the clock's time."""
    (rows,) = ask(kubecost, T0, T0 + HOUR, aggregate="cluster", accumulate="true").json()["data"]
    assert rows["demo-cluster"]["end"] == "2026-01-01T00:30:00Z"


def test_sets_are_hours_then_days_unless_accumulated(kubecost):
    """A day comes in 24 sets or in one; three days in three; and they cost the same."""

    def costs(days, **parameters):
        sets = ask(
            kubecost, T0 - days * 24 * HOUR, T0, aggregate="cluster,namespace", **parameters
        ).json()["data"]
        return len(sets), sum(total(rows, "totalCost") for rows in sets)

    (hours, by_hour), (one, at_once) = costs(1), costs(1, accumulate="true")
    assert (hours, one, costs(3)[0]) == (24, 1, 3)
    assert by_hour == pytest.approx(at_once, abs=25 * 8 * 1e-5)


def test_unknown_dimensions_alone_are_refused(kubecost):
    """A query for nothing that exists is answered 400 and not with a broken connection."""
    assert ask(kubecost, T0 - HOUR, T0, aggregate="nonsense").status_code == 400
