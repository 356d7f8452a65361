"""The filter: what passes, by names and attributes."""

import pytest
from editing_batches import NAMESPACE, POD, attributes_in, batch, costs, foreign, values

from otel_kubecost.errors import ConfigError
from otel_kubecost.pdata import emptied
from otel_kubecost.processors.filter import Filter

PODS = {("shop", "web"): 1.0, ("kube-system", "dns"): 2.0, ("kube-proxy", "p"): 3.0}
DATA = batch(
    costs("pod_cost", PODS, currency="USD"),
    costs("namespace_cost", {("shop",): 4.0}, keys=[NAMESPACE]),
    **{"k8s.cluster.name": "staging-1"},
)


def names(**blocks):
    return [*values(Filter(metrics=blocks)(DATA))]


def test_include_is_before_exclude():
    """What include leaves is what exclude looks at."""
    both = {"match_type": "regexp", "metric_names": [".*_cost"]}
    assert names(include=both) == ["pod_cost", "namespace_cost"]
    one = {"match_type": "strict", "metric_names": ["pod_cost"]}
    assert names(include=both, exclude=one) == ["namespace_cost"]
    assert names(include=one, exclude=both) == []


@pytest.mark.parametrize(
    ("pattern", "passes"), [("pod", []), ("pod_.*", ["pod_cost"]), ("^pod_cost$", ["pod_cost"])]
)
def test_a_pattern_has_to_match_the_whole_name(pattern, passes):
    """As everywhere in this product, and other than in the Collector."""
    assert names(include={"match_type": "regexp", "metric_names": [pattern]}) == passes


def test_points_are_dropped_by_their_attributes():
    """Metrics that do not have the attribute are untouched by exclude, and all gone by include."""
    kube = {"match_type": "regexp", "attributes": [{"key": NAMESPACE, "value": "kube-.*"}]}
    found = values(Filter(metrics={"exclude": kube})(DATA))
    assert found == {"pod_cost": {("shop", "web", "USD"): 1.0}, "namespace_cost": {("shop",): 4.0}}
    with_pod = {"match_type": "strict", "attributes": [{"key": POD}, {"key": NAMESPACE}]}
    assert names(include=with_pod) == ["pod_cost"]
    euros = {"match_type": "strict", "attributes": [{"key": "currency", "value": "EUR"}]}
    assert names(include=euros) == []


def test_everything_that_is_given_has_to_match():
    """The name, the resource and the attributes: a point that fails in one is not meant."""
    block = {
        "match_type": "regexp",
        "metric_names": ["pod_.*"],
        "resource_attributes": [{"key": "k8s.cluster.name", "value": "staging-.*"}],
        "attributes": [{"key": NAMESPACE, "value": "shop"}],
    }
    found = values(Filter(metrics={"exclude": block})(DATA))
    assert {name: len(points) for name, points in found.items()} == {
        "pod_cost": 2, "namespace_cost": 1,
    }  # fmt: skip
    elsewhere = [{"key": "k8s.cluster.name", "value": "production"}]
    for other in ({"resources": elsewhere}, {"metric_names": ["up"]}):
        taken = {key: value for key, value in block.items() if key not in other}
        if "resources" in other:
            del taken["resource_attributes"]
        assert Filter(metrics={"exclude": taken | other})(DATA) == DATA


def test_foreign_points_of_every_type_are_filtered():
    """A value that is no text is compared as it is written."""
    data = batch(*foreign(port=8080, tls=True))
    for key, value in (("port", "8080"), ("tls", "true")):
        block = {"match_type": "strict", "attributes": [{"key": key, "value": value}]}
        assert Filter(metrics={"include": block})(data) == data
        assert attributes_in(Filter(metrics={"exclude": block})(data)) == []


def test_a_scope_stays_when_all_its_metrics_are_gone():
    """It says that its series have ended; a metric that came without points says so, too."""
    block = {"match_type": "strict", "attributes": [{"key": POD}]}
    found = Filter(metrics={"include": block})(batch(costs("a", {("x",): 1.0}, keys=["y"])))
    assert [scope.metrics for scope in found.resource_metrics[0].scope_metrics] == [[]]
    assert [*values(Filter(metrics={"include": block})(emptied(DATA)))] == [
        "pod_cost", "namespace_cost",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({}, "metrics: drops nothing; add include or exclude"),
        ({"include": {"match_type": "strict"}}, "metrics.include: names nothing; add one of"),
        ({"exclude": {"match_type": "regexp", "attributes": [{"key": "a", "value": "("}]}},
         r"metrics.exclude.attributes\[0\]: '\(' is not an RE2 pattern"),
    ],
)  # fmt: skip
def test_a_filter_that_cannot_be_meant_is_refused(metrics, message):
    """What would drop nothing, or everything, has a message of its own."""
    with pytest.raises(ConfigError, match=message):
        Filter(metrics=metrics)
