"""What rows cost together."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from row_tables import rows_of

from otel_kubecost.receivers.kubecost.costs import cost, efficiency
from otel_kubecost.receivers.kubecost.rows import Row

AMOUNTS = st.floats(-1e6, 1e6)


def test_a_cost_contains_its_adjustment_and_the_total_does_already():
    """Kubecost's totalCost includes every adjustment, cpuCost does not include its own."""
    row = Row(total_cost=5.0, cpu_cost=3.0, cpu_cost_adjustment=-1.0)
    assert cost(rows_of([row]), "cpu") == 2.0
    assert cost(rows_of([row]), "total") == 5.0


def test_what_no_row_reports_is_none_and_what_is_null_is_not_known():
    """None leaves no sample; NaN leaves none either, and neither does a sum with it."""
    assert cost(rows_of([Row(), Row()]), "pv") is None
    assert math.isnan(cost(rows_of([Row(pv_cost=None), Row(pv_cost=1.0)]), "pv"))
    assert math.isnan(cost(rows_of([Row(cpu_cost=1.0, cpu_cost_adjustment=None)]), "cpu"))


def test_a_row_that_reports_nothing_does_not_hide_what_others_report():
    """An idle row without a network cost leaves the cluster's network cost as it is."""
    assert cost(rows_of([Row(network_cost=1.5), Row()]), "network") == 1.5


def test_a_total_that_is_not_reported_is_the_sum_of_the_parts():
    """Older summaries have no totalCost; a null one stays not known."""
    row = Row(cpu_cost=1.0, ram_cost=2.0, gpu_cost=4.0, gpu_cost_adjustment=0.5)
    assert cost(rows_of([row]), "total") == 7.5
    assert cost(rows_of([Row(cpu_cost=1.0)]), "total") is None
    assert math.isnan(cost(rows_of([Row(total_cost=None, cpu_cost=1.0, ram_cost=1.0)]), "total"))


@given(st.lists(AMOUNTS, min_size=1), st.randoms())
def test_sums_do_not_depend_on_the_order_of_rows(amounts, random):
    """Two agents whose answers list rows differently publish identical values."""
    rows = [Row(cpu_cost=amount) for amount in amounts]
    shuffled = random.sample(rows, len(rows))
    assert cost(rows_of(rows), "cpu") == cost(rows_of(shuffled), "cpu")


def test_the_only_row_of_an_object_keeps_its_ratio():
    """Kubecost's own efficiency is published as it is, above one and for nothing spent too."""
    assert efficiency(rows_of([Row(ram_efficiency=1.04127, ram_cost=0.0)]), "ram") == 1.04127
    assert efficiency(rows_of([Row()]), "ram") is None
    assert math.isnan(efficiency(rows_of([Row(ram_efficiency=None)]), "ram"))


def test_several_ratios_are_weighted_by_cost():
    """A namespace that costs three times as much weighs three times as much."""
    rows = [Row(cpu_efficiency=1.0, cpu_cost=3.0), Row(cpu_efficiency=0.2, cpu_cost=1.0)]
    assert efficiency(rows_of(rows), "cpu") == pytest.approx(0.8)


def test_total_efficiency_is_weighted_by_cpu_and_memory_alone():
    """Kubecost's total efficiency speaks of CPU and memory; a volume's cost must not weigh in."""
    rows = [
        Row(total_efficiency=0.5, cpu_cost=1.0, ram_cost=1.0, pv_cost=100.0),
        Row(total_efficiency=0.1, cpu_cost=2.0, ram_cost=0.0),
    ]
    assert efficiency(rows_of(rows), "total") == pytest.approx(0.3)


def test_rows_that_cost_nothing_weigh_nothing():
    """Neither a zero nor a negative cost can turn a mean upside down."""
    rows = [
        Row(cpu_efficiency=0.9, cpu_cost=0.0),
        Row(cpu_efficiency=0.5, cpu_cost=-3.0),
        Row(cpu_efficiency=0.2, cpu_cost=2.0),
    ]
    assert efficiency(rows_of(rows), "cpu") == pytest.approx(0.2)
    assert efficiency(rows_of(rows[:2]), "cpu") is None
