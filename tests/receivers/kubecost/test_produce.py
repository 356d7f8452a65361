"""The receiver as a MetricProducer: batches under a Resource that somebody else has."""

import threading

import pytest
from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics
from opentelemetry.sdk.resources import Resource

from otel_kubecost.attributes import CLUSTER, NAMESPACE, TENANT
from otel_kubecost.pdata import PointColumns, coalesced
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.receivers.kubecost.window import parse_time
from otel_kubecost.testing import FakeClock, FakeKubecost, Reply, hang

NOW = parse_time("2026-11-23T11:47:10Z")
MARK = parse_time("2026-11-23T11:47:00Z")
DAY = {"start": "2026-11-22T11:00:00Z", "end": "2026-11-23T11:00:00Z"}
COSTS = {**DAY, "window": DAY, "totalCost": 24.0, "cpuCost": 24.0, "ramCost": 0}
TOTAL = "cloudtuner_kubecost_namespace_total_cost"
SUCCESS = "cloudtuner_kubecost_exporter_scrape_success"


def answer(*names):
    return {"code": 200, "data": [dict.fromkeys(names, COSTS)]}


@pytest.fixture
def receiver():
    """Makes receivers and shuts them down."""
    made = []

    def make(kubecost, **options):
        who = {"tenant_id": "t", "cluster_name": "prod", "currency": "USD", "timeout": "5s"}
        clock = FakeClock(NOW)
        made.append(KubecostReceiver(endpoint=kubecost.url, clock=clock, **who | options))
        return made[-1]

    yield make
    for one in made:
        one.shutdown(timeout_millis=3000)


def points(scopes, name):
    return [
        point
        for of_scope in scopes
        for metric in of_scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]


def test_points_say_what_the_resource_said(receiver):
    """Tenant and cluster are attributes of each point, of costs and of the agent's own metrics."""
    with FakeKubecost(answer("one/shop")) as kubecost:
        scopes = list(receiver(kubecost).produce())
    (cost,), (success,) = points(scopes, TOTAL), points(scopes, SUCCESS)
    assert (cost.value, cost.time_unix_nano) == (1.0, MARK * 10**9)
    assert dict(cost.attributes) == {
        NAMESPACE: "shop", "currency": "USD", TENANT: "t", CLUSTER: "prod"
    }  # fmt: skip
    assert (success.attributes[TENANT], success.attributes[CLUSTER]) == ("t", "prod")


def test_columns_stay_columns(receiver):
    """It costs two attributes a metric, not two a point."""
    with FakeKubecost(answer("one/shop")) as kubecost:
        scopes = receiver(kubecost).produce()
    data = [metric.data.data_points for of_scope in scopes for metric in of_scope.metrics]
    assert data
    assert all(isinstance(one, PointColumns) for one in data)


def test_clusters_stay_apart_in_one_scope(receiver):
    """A scope is there once, as exporters need it, with the points of all clusters."""
    with FakeKubecost(answer("one/shop", "two/shop")) as kubecost:
        scopes = list(receiver(kubecost).produce())
    names = [of_scope.scope.name for of_scope in scopes]
    assert len(names) == len(set(names))
    merged = MetricsData([ResourceMetrics(Resource({"service.name": "host"}), scopes, "")])
    assert coalesced(merged).resource_metrics[0].scope_metrics == scopes
    assert {point.attributes[CLUSTER] for point in points(scopes, TOTAL)} == {"one", "two"}


def test_a_source_that_fails_raises_nothing(receiver):
    """What there is to tell is that it fails."""
    with FakeKubecost(Reply(500)) as kubecost:
        scopes = list(receiver(kubecost).produce())
    assert points(scopes, TOTAL) == []
    assert [point.value for point in points(scopes, SUCCESS)] == [0.0]


def test_the_time_is_kept(receiver):
    """A Kubecost that hangs holds nobody up; neither does a pipeline that waits for it already."""
    with FakeKubecost(hang(Reply(200))) as kubecost:
        one = receiver(kubecost)
        one.start()
        waiting = threading.Thread(target=lambda: one.collect(MARK, patience=None), daemon=True)
        waiting.start()
        assert points(one.produce(timeout_millis=50), TOTAL) == []
        assert waiting.is_alive()
