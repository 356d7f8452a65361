"""What the processor pricing needs of the rest of its pipeline, checked before anything runs."""

import pytest

from otel_kubecost.config.pricing_check import pricing


def config(receiver, processors=("pricing",), options=None):
    return {
        "receivers": {"kubecost/a": receiver, "kubecost/b": {}, "other": {}},
        "processors": {"pricing": options, "pricing/late": {"CPU": 1}, "cardinality_limit": {}},
        "service": {
            "pipelines": {
                "metrics": {"receivers": ["kubecost/a", "other"], "processors": list(processors)},
                "metrics/plain": {"receivers": ["kubecost/b"], "processors": []},
            }
        },
    }


def problems(*arguments, **keywords):
    return [str(found.problem()) for found in pricing(config(*arguments, **keywords))]


def test_a_receiver_that_publishes_usage_by_the_hour_is_right():
    """In whatever spelling it is true."""
    assert problems({"usage_metrics": True}, ["pricing", "cardinality_limit"]) == []
    assert problems({"usage_metrics": "true", "metric_mode": "rate", "share_idle": False}) == []


@pytest.mark.parametrize("value", [{}, {"usage_metrics": False}, {"usage_metrics": None}])
def test_prices_without_usage_are_refused(value):
    """Of the receivers that a pipeline with prices has, and of no other."""
    (problem,) = problems(value)
    assert problem == (
        "receivers.kubecost/a.usage_metrics: has to be true: processor pricing computes costs from"
        " what was allocated; add `usage_metrics: true`"
    )


def test_totals_of_windows_and_spread_idle_are_refused():
    """Neither can be priced."""
    receiver = {"usage_metrics": True, "metric_mode": "total", "share_idle": "yes"}
    mode, idle = problems(receiver, ["pricing/late"])
    assert mode == (
        "receivers.kubecost/a.metric_mode: is total, which does not tell processor pricing/late of"
        " how many hours; write rate, or remove the line"
    )
    assert idle == (
        "receivers.kubecost/a.share_idle: spreads Kubecost's cost of idle over namespaces, where"
        " processor pricing/late cannot find it; write false, or remove the line"
    )


def test_pods_are_limited_after_they_are_priced():
    """Else those stay that are dear at Kubecost's prices, and what others had is half known."""
    (problem,) = problems({"usage_metrics": True}, ["cardinality_limit", "pricing"])
    assert problem == (
        "service.pipelines.metrics.processors[0]: cardinality_limit stands before pricing, so pods"
        " would be chosen by Kubecost's prices; write pricing first"
    )


def test_prices_that_are_not_used_need_nothing():
    """Disabled, or in no pipeline."""
    assert problems({}, ["pricing"], {"enabled": False}) == []
    assert problems({}, []) == []


@pytest.mark.parametrize("pipelines", [None, {"a": []}, {"a": {"processors": "pricing"}}])
def test_what_is_wrong_elsewhere_is_reported_elsewhere(pipelines):
    """A configuration of another shape raises nothing here."""
    assert list(pricing({"service": {"pipelines": pipelines}})) == []
    assert list(pricing({"service": pipelines})) == []
