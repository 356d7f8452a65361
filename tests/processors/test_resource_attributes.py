"""Actions on the attributes of resources, and resources that become one."""

from dataclasses import replace

from editing_batches import NAMESPACE, SCOPES, batch, costs, each_points, foreign, values
from opentelemetry.sdk.metrics.export import Gauge, MetricsData, Sum

from otel_kubecost.pdata import PointColumns, emptied
from otel_kubecost.processors.resource import ResourceAttributes

CLUSTER = "k8s.cluster.name"
WITHOUT_CLUSTER = {"key": CLUSTER, "action": "delete"}


def cluster(name, *metrics, scope=SCOPES[0]):
    return batch(*metrics, scope=scope, **{CLUSTER: name}).resource_metrics[0]


def joined(*resources):
    return ResourceAttributes(attributes=[WITHOUT_CLUSTER])(MetricsData(list(resources)))


def test_resources_get_other_attributes_and_keep_their_data():
    """One action after the other; columns, scopes and what came without data are as they were."""
    data = MetricsData([cluster("a", costs("x", {("b", "c"): 1.0})), cluster("b")])
    actions = [
        {"key": "env", "action": "insert", "value": "prod"},
        {"key": "cluster", "action": "upsert", "from_attribute": CLUSTER},
        WITHOUT_CLUSTER,
    ]
    found = ResourceAttributes(attributes=actions)(data)
    attributes = [dict(one.resource.attributes) for one in found.resource_metrics]
    assert attributes == [{"env": "prod", "cluster": "a"}, {"env": "prod", "cluster": "b"}]
    before = [one.scope_metrics for one in data.resource_metrics]
    assert [one.scope_metrics for one in found.resource_metrics] == before
    assert each_points(found)[0] is each_points(data)[0]


def test_resources_that_become_the_same_are_one():
    """Scopes and metrics of one name are together, and other ones side by side."""
    found = joined(
        cluster("a", costs("x", {("n", "p"): 1.0}), costs("y", {("n", "p"): 2.0})),
        cluster("b", costs("x", {("m", "q"): 3.0})),
        cluster("c", costs("x", {("o", "q"): 4.0}), scope=SCOPES[1]),
    )
    [resource] = found.resource_metrics
    one, two = resource.scope_metrics
    assert [metric.name for metric in one.metrics] == ["x", "y"]
    assert values(MetricsData([resource]))["y"] == {("n", "p"): 2.0}
    points = one.metrics[0].data.data_points
    assert isinstance(points, PointColumns)
    assert [point.value for point in points] == [1.0, 3.0]
    assert [point.value for point in two.metrics[0].data.data_points] == [4.0]


def test_the_costs_of_clusters_that_became_one_add_up(caplog):
    """Whoever hides the cluster gets what the clusters cost together, and no efficiency."""
    both = [
        cluster(
            name,
            costs("cost", {(): value}, keys=(), currency="USD"),
            costs(
                "namespace_cost", {("n",): value, (name,): 1.0}, keys=[NAMESPACE], currency="USD"
            ),
            costs("efficiency", {(): value}, keys=()),
        )
        for name, value in (("a", 0.25), ("b", 0.5))
    ]
    assert values(joined(*both)) == {
        "cost": {("USD",): 0.75},
        "namespace_cost": {("n", "USD"): 0.75, ("a", "USD"): 1.0, ("b", "USD"): 1.0},
    }
    assert [message.partition(":")[0] for message in caplog.messages] == [
        "Left out series of efficiency"
    ]


def test_attributes_that_the_parts_do_not_have_in_common_stay():
    """What is constant in each becomes a column; points with other keys make a list."""
    x = {("n", "p"): 1.0}
    [[one, other]] = each_points(
        joined(cluster("a", costs("x", x, env="prod")), cluster("b", costs("x", x, env="test")))
    )
    assert (one.attributes["env"], other.attributes["env"]) == ("prod", "test")
    [points] = each_points(
        joined(cluster("a", costs("x", x)), cluster("b", costs("x", x, env="test")))
    )
    assert [point.attributes.get("env") for point in points] == [None, "test"]
    assert not isinstance(points, PointColumns)


def test_what_has_ended_is_joined_with_what_has_not():
    """A cluster that is gone leaves the points of the other, and two that are gone their time."""
    x = costs("x", {("n", "p"): 1.0})
    alive, gone = cluster("a", x), emptied(MetricsData([cluster("b", x)])).resource_metrics[0]
    [points] = each_points(joined(gone, alive))
    assert points is x.data.data_points
    [points] = each_points(joined(gone, gone))
    assert (len(points), points.time_unix_nano) == (0, 60)


def test_metrics_of_one_name_and_two_types_stay_two():
    """Nothing says which of the two types the points of both would be."""
    gauge, total = foreign(host="x")[:2]
    found = joined(cluster("a", gauge), cluster("b", replace(total, name="gauge")))
    [metrics] = [scope.metrics for scope in found.resource_metrics[0].scope_metrics]
    assert [type(one.data) for one in metrics] == [Gauge, Sum]
