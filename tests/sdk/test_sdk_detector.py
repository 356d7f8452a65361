"""The resource detector, as the SDK and its declarative configuration call it."""

import logging

import pytest
from opentelemetry.sdk.resources import Resource

from otel_kubecost.attributes import CLUSTER, TENANT
from otel_kubecost.sdk.detector import KubecostResourceDetector

VARIABLES = ("OTEL_KUBECOST_TENANT_ID", "OTEL_KUBECOST_CLUSTER_NAME", "TENANT_ID", "CLUSTER_NAME")


@pytest.fixture(autouse=True)
def variables(monkeypatch):
    """A function that sets variables; without it none is set."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return lambda **values: [monkeypatch.setenv(name, value) for name, value in values.items()]


def detected(**keywords):
    return dict(KubecostResourceDetector(**keywords).detect().attributes)


def test_nothing_is_known_of_a_process_that_says_nothing(variables):
    """The Resource is empty, so that it changes nothing of the process'."""
    variables(TENANT_ID=" ", CLUSTER_NAME="")
    assert detected() == {}


def test_variables_say_tenant_and_cluster(variables):
    """This package's go before the guide's."""
    variables(TENANT_ID="guide", CLUSTER_NAME="of-guide", OTEL_KUBECOST_TENANT_ID=" own ")
    assert detected() == {TENANT: "own", CLUSTER: "of-guide"}


def test_keywords_go_before_variables(variables):
    """Declarative configuration gives them; what a variable left empty there is None."""
    variables(TENANT_ID="variable", CLUSTER_NAME="variable")
    assert detected(tenant_id=12345678, cluster_name=None) == {
        TENANT: "12345678",
        CLUSTER: "variable",
    }


@pytest.mark.parametrize(
    ("keywords", "said"),
    [
        ({"tenant": "x"}, "has no option tenant; tenant_id and cluster_name are all"),
        ({"tenant_id": ["x"]}, "tenant_id of the resource detector kubecost is no text"),
        ({"cluster_name": True}, "cluster_name of the resource detector kubecost is no text"),
    ],
)
def test_mistakes_are_logged_and_raise_nothing(keywords, said, caplog):
    """A Resource without them is better than an application without telemetry."""
    with caplog.at_level(logging.WARNING):
        assert detected(**keywords) == {}
    assert said in caplog.text


def test_the_sdk_finds_it_by_its_name(variables, monkeypatch):
    """OTEL_EXPERIMENTAL_RESOURCE_DETECTORS=kubecost is all that it takes."""
    variables(TENANT_ID="t", CLUSTER_NAME="c")
    monkeypatch.setenv("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "kubecost")
    attributes = Resource.create().attributes
    assert (attributes[TENANT], attributes[CLUSTER]) == ("t", "c")
