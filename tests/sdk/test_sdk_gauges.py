"""Costs in a MeterProvider of the SDK, read as its exporters get them."""

import os
from collections import defaultdict

import pytest
from cost_batches import EFFICIENCY, TOTAL, batch
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from otel_kubecost.attributes import CLUSTER, CURRENCY, NAMESPACE, POD, TENANT
from otel_kubecost.sdk.attribute_sets import OTHER
from otel_kubecost.sdk.gauges import SCOPE, CostGauges, gauges_of

LIMIT = 2000
"""The SDK's own, of attribute sets of one instrument."""


class Provider:
    """A MeterProvider whose ``points()`` are what it collects at the moment."""

    def __init__(self, **attributes):
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], Resource(attributes))

    def metrics(self):
        data = self._reader.get_metrics_data()
        scopes = data.resource_metrics[0].scope_metrics if data else []
        return {metric.name: metric for of_scope in scopes for metric in of_scope.metrics}

    def points(self, name=TOTAL):
        found = self.metrics().get(name)
        return (
            [(dict(one.attributes), one.value) for one in found.data.data_points] if found else []
        )


def sums(points):
    found = defaultdict(float)
    for attributes, value in points:
        found[attributes[NAMESPACE]] += value
    return found


def test_pods_that_come_and_go_never_overflow():
    """1000 live pods, all of them new at each of ten marks: totals are right each time.

    The SDK lets go of no attribute set. Without a limit of ours its overflow point would be all
    that is left from the third mark on, with the cost of one pod.
    """
    sdk = Provider()
    gauges = gauges_of(sdk.provider)
    for mark in range(10):
        pods = {(f"ns-{at % 20}", f"pod-{mark}-{at}"): 1.0 + at for at in range(1000)}
        gauges.show([batch(pods)], LIMIT)
        points = sdk.points()
        assert not [one for one, _ in points if "otel.metric.overflow" in one]
        expected = defaultdict(float)
        for (namespace, _), cost in pods.items():
            expected[namespace] += cost
        assert sums(points) == pytest.approx(expected)
    assert {one[POD] for one, _ in points} == {OTHER}


def test_a_pod_that_is_gone_is_shown_no_more():
    """What is shown is what was given last; a metric without points is not there at all."""
    sdk = Provider()
    gauges = CostGauges(sdk.provider)
    gauges.show([batch({("shop", "a"): 1.0, ("shop", "b"): 2.0})], LIMIT)
    gauges.show([batch({("shop", "b"): 3.0})], LIMIT)
    assert [(one[POD], value) for one, value in sdk.points()] == [("b", 3.0)]
    gauges.clear()
    assert sdk.metrics() == {}


def test_a_gauge_is_what_the_metric_was():
    """Name, unit, description and the scope's name are those of a pipeline."""
    sdk = Provider()
    CostGauges(sdk.provider).show([batch({("shop", "a"): 1.0})], LIMIT)
    data = sdk._reader.get_metrics_data()
    (of_scope,) = data.resource_metrics[0].scope_metrics
    metric = of_scope.metrics[0]
    assert of_scope.scope.name == SCOPE
    assert (metric.name, metric.unit, metric.description) == (TOTAL, "{USD/h}", "All costs.")
    assert sdk.points(EFFICIENCY)[0][0].keys() == {TENANT, CLUSTER, NAMESPACE, POD}


@pytest.mark.parametrize(
    ("of_process", "said"),
    [
        ({}, {TENANT, CLUSTER}),
        ({TENANT: "t"}, {CLUSTER}),
        ({TENANT: "t", CLUSTER: "c"}, set()),
        ({TENANT: "t", CLUSTER: "other"}, {CLUSTER}),
        ({TENANT: "other", CLUSTER: "c"}, {TENANT}),
    ],
)
def test_points_say_what_the_resource_does_not(of_process, said):
    """Tenant and cluster are said once: by the Resource if it is right, else by the points."""
    sdk = Provider(**of_process)
    CostGauges(sdk.provider).show([batch({("shop", "a"): 1.0})], LIMIT)
    ((attributes, _),) = sdk.points()
    assert attributes.keys() - {NAMESPACE, POD, CURRENCY} == said
    assert {TENANT: "t", CLUSTER: "c", **of_process, **attributes}[CLUSTER] == "c"


def test_clusters_stay_apart():
    """The same pod in two clusters is two points, both of which say which cluster it is."""
    sdk = Provider(**{TENANT: "t", CLUSTER: "c"})
    batches = [batch({("shop", "a"): cost}, cluster=name) for name, cost in (("c", 1), ("d", 2))]
    CostGauges(sdk.provider).show(batches, LIMIT)
    assert [(one[CLUSTER], value) for one, value in sdk.points()] == [("d", 2), ("c", 1)]


def test_a_provider_has_its_gauges_once():
    """An instrument cannot be taken back: who starts anew goes on with those that there are."""
    first, second = Provider(), Provider()
    assert gauges_of(first.provider) is gauges_of(first.provider)
    assert gauges_of(first.provider) is not gauges_of(second.provider)


def test_a_forked_process_shows_nothing():
    """Nobody would ask Kubecost there, and the same costs would be told once a worker."""
    sdk = Provider()
    gauges = CostGauges(sdk.provider)
    gauges.show([batch({("shop", "a"): 1.0})], LIMIT)
    gauges._process = os.getppid()  # as it looks from a child
    assert sdk.points() == []
