"""What holds of every level of every cluster: no cost is lost on the way from one to another."""

from __future__ import annotations

import math
from collections import defaultdict

import pytest
from answers_strategy import END
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from workloads_strategy import truths

from otel_kubecost.pdata import each_metric, metrics_of, restamp
from otel_kubecost.processors.cardinality_limit import CardinalityLimit
from otel_kubecost.receivers.kubecost.answers import cluster_batch, reconciliations
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.dimensions import Level

PREFIX = "cloudtuner_kubecost_"
OPTIONS = KubecostReceiverOptions(
    endpoint="http://kubecost:9090", tenant_id="t", cluster_name="prod", pod_metrics="all"
)
SCOPE = InstrumentationScope("test")
FINE = ["namespace", "pod", "node", "controller", "label:team", "label:app.kubernetes.io/name",
        "annotation:owner"]  # fmt: skip
many = settings(max_examples=200, phases=set(Phase) - {Phase.explain}, deadline=None)
LEVELS = st.lists(st.sampled_from(FINE), min_size=1, unique=True)


def batch(answers, cluster):
    metrics = list(cluster_batch(cluster, answers, OPTIONS, "USD"))
    return restamp(MetricsData([metrics_of({"tenant.id": "t"}, [(SCOPE, metrics)])]), END)


def values(data):
    """Values by metric and by the names of an object."""
    found = {}
    for _, _, metric in each_metric(data):
        name = metric.name.removeprefix(PREFIX)
        for point in metric.data.data_points:
            about = [it for key, it in point.attributes.items() if key != "currency"]
            found[(name, *about)] = point.value
    return found


def rounding(answers, cluster):
    """What five decimals can do to the sums of all rows, in currency per hour."""
    return 1e-5 * sum(len(one.clusters[cluster].every()) for one in answers if cluster in
                      one.clusters) + 1e-9  # fmt: skip


def of_level(found, text, part="total"):
    """What a level's objects cost, by their names; of labels those of one name."""
    level = Level.parse(text)
    return {key[1:]: it for key, it in found.items() if key[0] == f"{level.name}_{part}_cost"
            and (not level.key or key[1] == level.key)}  # fmt: skip


def unallocated(found, text):
    level = Level.parse(text)
    if text == "namespace":
        return found.get(("cluster_unallocated_cost",), 0.0)
    about = (level.key,) if level.key else ()
    return found.get((f"{level.name}_unallocated_cost", *about), 0.0)


@many
@given(truths(), LEVELS)
def test_every_level_adds_up_to_the_cluster(truth, levels):
    """Objects, what belongs to none, idle and unmounted are the cluster's total at any level."""
    answers = truth.read(["cluster", *levels])
    for cluster in answers[0].clusters:
        found = values(batch(answers, cluster))
        others = [found.get((f"cluster_{word}_cost",), 0.0) for word in ("idle", "unmounted")]
        for level in levels:
            parts = [*of_level(found, level).values(), unallocated(found, level), *others]
            whole = found["cluster_total_cost",]
            assert abs(math.fsum(parts) - whole) <= rounding(answers, cluster), level


@many
@given(truths(), LEVELS)
def test_a_level_is_the_same_alone_and_among_others(truth, levels):
    """One query by the dimensions of several levels answers each of them as its own would."""
    every = truth.read(["cluster", *levels])
    for cluster in every[0].clusters:
        together = values(batch(every, cluster))
        for level in levels:
            answers = truth.read(["cluster", level])
            alone = values(batch(answers, cluster))
            slack = rounding([*every, *answers], cluster)
            for part in ("total", "cpu", "ram"):
                objects = of_level(alone, level, part)
                assert of_level(together, level, part) == pytest.approx(objects, abs=slack)
            assert abs(unallocated(together, level) - unallocated(alone, level)) <= slack, level


@many
@given(truths(), LEVELS, st.integers(0, 20))
def test_reconciliation_holds_and_notices_a_row_that_is_missing(truth, levels, which):
    """Answers of one truth never differ by more than rounding, and what one lacks is found."""
    answers = truth.read(["cluster", *levels])
    assert all(one.holds for one in reconciliations(answers))
    for answer in answers[1:]:
        for cluster, rows in answer.clusters.items():
            if rows.named:
                missing = rows.named[which % len(rows.named)]
                rows.named = [row for row in rows.named if row != missing]
                found = [one for one in reconciliations([answers[0], answer])
                         if one.cluster == cluster]  # fmt: skip
                assert [one.difference for one in found] == pytest.approx(
                    [-answer.table.measures["total_cost"][missing]], abs=rounding(answers, cluster)
                )


@many
@given(truths(), st.integers(0, 8), st.sets(st.integers(0, 9)))
def test_folding_keeps_what_each_namespace_costs(truth, top, unknown):
    """However few pods are kept, and whatever is not known of some, each cost summed over a
    namespace's pods is the same, and a folded efficiency is between those that it is made of."""
    answers = truth.read(["pod"])
    for cluster, rows in answers[0].clusters.items():
        for row in set(rows.named) & unknown:
            rows.table.measures["cpu_cost"][row] = math.nan
        whole = batch(answers, cluster)
        before, after = values(whole), values(CardinalityLimit(top_n_pods=top)(whole))
        assert costs_by_namespace(after) == pytest.approx(costs_by_namespace(before), rel=1e-12)
        assert len({key[1:] for key in after if key[-1] not in {"__other__", key[0]}}) <= top
        for (metric, *about), ratio in after.items():
            if metric.endswith("_efficiency"):
                every = [it for key, it in before.items() if key[:2] == (metric, about[0])]
                assert min(every) - 1e-12 <= ratio <= max(every) + 1e-12


def costs_by_namespace(found):
    """Of each cost of pods, what those of a namespace have together."""
    every = defaultdict(list)
    for (metric, *about), value in found.items():
        if metric.endswith("_cost") and len(about) == 2:
            every[metric, about[0]].append(value)
    return {key: math.fsum(values) for key, values in every.items()}
