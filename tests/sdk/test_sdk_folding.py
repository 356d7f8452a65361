"""Attribute sets that an instrument may show: never more than a limit, and no cost is lost."""

import math
from collections import defaultdict

import pytest
from cost_batches import CPU, EFFICIENCY, TOTAL, batch
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.attributes import CURRENCY, NAMESPACE, POD, TENANT
from otel_kubecost.sdk.attribute_sets import OTHER, AttributeSets
from otel_kubecost.sdk.folding import Folding

NAMESPACES = st.sampled_from(["shop", "web", "ml", "batch", "kube-system"])
PODS = st.tuples(NAMESPACES, st.integers(0, 200).map("pod-{}".format) | st.just(OTHER))
MARKS = st.lists(st.dictionaries(PODS, st.integers(0, 1000), max_size=40), max_size=8)


def by_namespace(points):
    sums = defaultdict(float)
    for attributes, value in points:
        sums[dict(attributes)[NAMESPACE]] += value
    return sums


@given(MARKS, st.integers(10, 120))
def test_sums_are_kept_and_the_limit_holds(marks, limit):
    """Whatever comes and goes: totals are those of the batch, sets those that fit, each once."""
    folding, shown = Folding(), defaultdict(set)
    for pods in marks:
        found = folding.shown(batch(pods), (TENANT,), limit)
        for name, points in found.items():
            sets = [attributes for attributes, _ in points]
            assert len(sets) == len(set(sets))
            shown[name] |= set(sets)
        for name, part in ((TOTAL, 1), (CPU, 0.1)):
            total = math.fsum(value for _, value in found.get(name, ()))
            assert total == pytest.approx(sum(pods.values()) * part)
    assert all(len(sets) <= limit for sets in shown.values())


@given(MARKS)
def test_namespaces_keep_their_sums(marks):
    """As long as there is room for the namespaces themselves."""
    folding = Folding()
    for pods in marks:
        found = by_namespace(folding.shown(batch(pods), (), 20).get(TOTAL, ()))
        expected = defaultdict(float)
        for (namespace, _), cost in pods.items():
            expected[namespace] += cost
        assert found == pytest.approx(expected)


@given(MARKS)
def test_an_efficiency_is_that_of_one_object(marks):
    """None is shown of what several objects were folded into, and none is changed."""
    folding = Folding()
    for pods in marks:
        for attributes, value in folding.shown(batch(pods), (), 20).get(EFFICIENCY, ()):
            named = dict(attributes)
            assert pods[named[NAMESPACE], named[POD]] / 10 == value


def test_what_costs_most_is_shown_itself():
    """The dear pods get the places that there are, in all their metrics."""
    pods = {("shop", f"pod-{at}"): at for at in range(100)}
    shown = Folding().shown(batch(pods), (), 20)
    kept = {name: {dict(one)[POD] for one, _ in points} - {OTHER} for name, points in shown.items()}
    assert kept[TOTAL] == kept[CPU] == {f"pod-{at}" for at in range(84, 100)}


def test_a_sum_takes_in_what_comes_too_late():
    """What the processor had folded already is in the same sum; its efficiency is not shown."""
    folding = Folding()
    folding.shown(batch({("shop", f"old-{at}"): 1.0 for at in range(40)}), (), 10)
    shown = folding.shown(batch({("shop", "new"): 2.0, ("shop", OTHER): 3.0}), (), 10)
    other = ((NAMESPACE, "shop"), (POD, OTHER))
    assert shown[TOTAL] == [((*other, (CURRENCY, "USD")), 5.0)]
    assert EFFICIENCY not in shown or shown[EFFICIENCY] == []


def test_late_namespaces_have_room_of_their_own():
    """Pods alone never use up what sums of later namespaces need."""
    folding = Folding()
    folding.shown(batch({("shop", f"old-{at}"): 1.0 for at in range(400)}), (), 100)
    late = {(f"late-{at}", "pod"): float(at) for at in range(8)}
    found = by_namespace(folding.shown(batch(late), (), 100)[TOTAL])
    assert found == {namespace: cost for (namespace, _), cost in late.items()}


def test_currencies_and_tenants_are_never_added_up():
    """They get a sum of their own each, down to the last place."""
    sets = AttributeSets()
    wanted = [
        ((TENANT, tenant), (NAMESPACE, "shop"), (CURRENCY, currency))
        for tenant in ("a", "b")
        for currency in ("EUR", "USD")
    ]
    places = sets.place(wanted, limit=8)
    for one in wanted:
        place = dict(places[one])
        assert (place[TENANT], place[CURRENCY]) == (dict(one)[TENANT], dict(one)[CURRENCY])
    assert len(sets) <= 8


def test_what_does_not_even_fit_in_a_sum_is_left_out():
    """There are more currencies than places: of two amounts that have no sum one is not shown."""
    sets = AttributeSets()
    wanted = [((CURRENCY, currency),) for currency in ("CHF", "EUR", "USD")]
    assert list(sets.place(wanted, limit=2).values()) == [*wanted[:2], None]
