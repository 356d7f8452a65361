"""Answers that are whole, with numbers that are strange."""

import json

import pytest

from otel_kubecost.testing import (
    FakeClock,
    Reply,
    SimulatedCluster,
    SimulatedKubecost,
    empty_sets,
    nan_as_null,
    negative_idle,
    negative_minutes,
    null_rows,
    null_sets,
    numbers_as_text,
    without_adjustments,
    zero_costs,
)
from otel_kubecost.testing.kubecost import AllocationQuery

T0 = 1_767_225_600  # 2026-01-01T00:00:00Z
EVERY = [empty_sets, nan_as_null, negative_idle, negative_minutes, null_rows, null_sets,
         numbers_as_text, without_adjustments, zero_costs]  # fmt: skip
PAYMENTS, IDLE = "demo-cluster/payments", "demo-cluster/__idle__"


def answer():
    kubecost = SimulatedKubecost(SimulatedCluster(), FakeClock(T0))
    query = AllocationQuery(T0 - 3600, T0, ("cluster", "namespace"), idle=True, accumulate=True)
    return kubecost.compute(query)


def distorted(fault):
    """The one set of the answer, before and after."""
    document = answer()
    reply = fault(Reply(200, json.dumps(document).encode(), "application/json"))
    (before,), (after,) = document["data"], json.loads(reply.body)["data"]
    return before, after


@pytest.mark.parametrize("fault", EVERY)
@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"data": null}', b'{"data": [null]}'])
def test_what_is_no_answer_with_rows_stays_as_it_is(fault, body):
    """A fault of numbers has nothing to do there."""
    after = fault(Reply(200, body)).body
    assert after == body or fault is empty_sets


@pytest.mark.parametrize("fault", EVERY)
def test_each_changes_the_answer(fault):
    """And leaves JSON."""
    before, after = distorted(fault)
    assert after != before


def test_sets_and_rows_without_data():
    """Null, empty, and a null among rows that are as they were."""
    assert distorted(null_sets)[1] is None
    assert distorted(empty_sets)[1] == {}
    before, after = distorted(null_rows)
    assert after == before | {"null-row": None}


def test_numbers_that_are_not_numbers():
    """As text they say the same; as null they say nothing."""
    before, after = distorted(numbers_as_text)
    assert after[PAYMENTS]["cpuCost"] == str(before[PAYMENTS]["cpuCost"])
    assert after[PAYMENTS]["properties"] == before[PAYMENTS]["properties"]
    _, after = distorted(nan_as_null)
    assert {after[PAYMENTS][field] for field in ("networkCost", "cpuEfficiency")} == {None}


def test_rows_without_adjustments_cost_what_they_cost_before_them():
    """The total is without them too."""
    before, after = distorted(without_adjustments)
    adjusted = before[PAYMENTS]["cpuCostAdjustment"]
    assert adjusted < 0 == after[PAYMENTS]["cpuCostAdjustment"]
    assert after[PAYMENTS]["totalCost"] == pytest.approx(before[PAYMENTS]["totalCost"] - adjusted)
    assert after["demo-cluster/shop"] == before["demo-cluster/shop"]


def test_costs_below_what_can_be():
    """Everything 0, idle negative and nothing else, and rows that end before they start."""
    _, after = distorted(zero_costs)
    assert {row["totalCost"] for row in after.values()} == {0}
    before, after = distorted(negative_idle)
    assert after[IDLE]["totalCost"] == -before[IDLE]["totalCost"] < 0
    assert after[PAYMENTS] == before[PAYMENTS]
    _, after = distorted(negative_minutes)
    assert all(row["minutes"] < 0 and row["end"] < row["start"] for row in after.values())
