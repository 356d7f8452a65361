"""What was allocated, and how much of it on spot nodes, over real HTTP."""

import pytest

from otel_kubecost.pdata import each_metric
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.receivers.kubecost.window import parse_time
from otel_kubecost.testing import FakeClock, FakeKubecost, SimulatedCluster, SimulatedKubecost

NOW = parse_time("2026-11-23T11:47:00Z")
PREFIX = "cloudtuner_kubecost_"
DAY = {"start": "2026-11-22T11:00:00Z", "end": "2026-11-23T11:00:00Z"}
GIB = 2**30


def row(cores=0.0, gib=0.0, gpus=0.0, disk=0.0, total=24.0, **fields):
    """A row that had so much for the whole day."""
    return {
        **DAY,
        "window": DAY,
        "totalCost": total,
        "cpuCost": 12.0,
        "ramCost": 6.0,
        "gpuCost": 0,
        "pvCost": 6.0,
        "networkCost": 0,
        "cpuCoreHours": 24 * cores,
        "ramByteHours": 24 * gib * GIB,
        "gpuHours": 24 * gpus,
        "pvByteHours": 24 * disk * GIB,
    } | fields


def node(name, preemptible, cores, gib=0.0):
    hours = {"cpuCoreHours": 24 * cores, "ramByteHours": 24 * gib * GIB, "GPUHours": 0}
    properties = {"cluster": "one", "name": name}
    return {"type": "Node", "properties": properties, "preemptible": preemptible, **DAY} | hours


def answers(**by_dimensions):
    """An answer for each aggregate; the dimensions joined by an underscore."""

    def answer(query):
        return {"code": 200, "data": [by_dimensions["_".join(query.aggregate)]]}

    return answer


def assets(*nodes):
    return {"code": 200, "data": [{one["properties"]["name"]: one for one in nodes}]}


IDLE = row(cpuCoreHours=0, ramByteHours=0, gpuHours=0, pvByteHours=0)
"""As Kubecost has it: costs, and no hours."""
COARSE = {
    "one/shop": row(cores=2, gib=8, disk=10),
    "one/pay": row(cores=1, gib=4),
    "one/__unmounted__": row(disk=5),
    "one/__idle__": IDLE,
}
BY_NODE = {
    "one/shop/spot-1": row(cores=0.5, gib=8),
    "one/shop/plain-1": row(cores=1.5, disk=10),
    "one/pay/plain-1": row(cores=1, gib=4),
    "one/__unmounted__/__unmounted__": row(disk=5),
    "one/__idle__": IDLE,
}
NODES = assets(node("spot-1", 1, 4, 16), node("plain-1", 0, 4, 16))


@pytest.fixture
def collect():
    """Makes a receiver with usage metrics and gives what it publishes, of any name."""
    made = []

    def values(kubecost, **options):
        defaults = {"tenant_id": "t", "cluster_name": "prod", "usage_metrics": True}
        made.append(
            KubecostReceiver(endpoint=kubecost.url, clock=FakeClock(NOW), **defaults | options)
        )
        return Values(made[-1].collect(NOW))

    yield values
    for one in made:
        one.shutdown()


@pytest.fixture
def day(collect):
    """The same of one answer by namespace and one by node."""

    def values(coarse=COARSE, by_node=BY_NODE, nodes=NODES, **options):
        answer = answers(cluster_namespace=coarse, cluster_namespace_node=by_node)
        with FakeKubecost(answer, assets=nodes) as kubecost:
            return collect(kubecost, **options)

    return values


class Values:
    """Values of metrics, their names without the prefix."""

    def __init__(self, batches):
        self._points = {
            metric.name.removeprefix(PREFIX): metric.data.data_points
            for batch in batches
            for _, _, metric in each_metric(batch)
        }
        self.names = set(self._points)

    def __call__(self, name):
        """By the values of attributes, joined."""
        found = {}
        for point in self._points.get(name, ()):
            about = [value for key, value in point.attributes.items() if key != "currency"]
            found["/".join(about)] = point.value
        return found


def test_usage_is_an_average_over_the_hours_of_the_data(day):
    """48 core-hours in a day are two cores; what belongs to no object has metrics of its own."""
    values = day()
    assert values("namespace_cpu_cores") == {"shop": 2.0, "pay": 1.0}
    assert values("namespace_ram_bytes") == {"shop": 8.0 * GIB, "pay": 4.0 * GIB}
    assert values("namespace_pv_bytes") == {"shop": 10.0 * GIB, "pay": 0.0}
    assert values("namespace_gpus") == {"shop": 0.0, "pay": 0.0}
    assert values("cluster_unmounted_pv_bytes") == {"": 5.0 * GIB}
    assert values("cluster_pv_bytes") == {"": 15.0 * GIB}


def test_spot_usage_is_what_ran_on_spot_nodes(day):
    """A quarter of the shop's two cores and all of its memory ran on spot-1."""
    values = day()
    assert values("namespace_spot_cpu_cores") == {"shop": 0.5, "pay": 0.0}
    assert values("namespace_spot_ram_bytes") == {"shop": 8.0 * GIB, "pay": 0.0}
    assert values("cluster_unmounted_spot_cpu_cores") == {"": 0.0}


def test_idle_is_what_nodes_have_and_nothing_was_given(day):
    """Eight cores less three are five, of which 3.5 on the spot node, as half a core was given."""
    values = day()
    assert values("cluster_idle_cpu_cores") == {"": 5.0}
    assert values("cluster_idle_spot_cpu_cores") == {"": 3.5}
    assert values("cluster_idle_ram_bytes") == {"": 20.0 * GIB}
    assert values("cluster_cpu_cores") == {"": 8.0}
    assert values("cluster_spot_cpu_cores") == {"": 4.0}


def test_every_part_of_a_cost_is_there_to_be_priced(collect):
    """Also of pods, of which less was chosen, and of idle."""
    fine = {
        "one/shop/web/plain-1": row(cores=2),
        "one/__idle__": IDLE,
    }
    answer = answers(cluster_namespace=COARSE, cluster_namespace_pod_node=fine)
    with FakeKubecost(answer, assets=NODES) as kubecost:
        values = collect(kubecost, levels=["cluster", "pod"], pod_metrics=["total_cost"])
    assert values("pod_pv_cost") == {"shop/web": 0.25}
    assert values("pod_cpu_cores") == {"shop/web": 2.0}
    assert values("cluster_idle_cpu_cost") == {"": 0.5}
    assert values("cluster_idle_cost") == {"": 1.0}


def test_nothing_more_is_asked_or_said_by_default(collect):
    """Without the option there is one request and no metric of usage."""
    with FakeKubecost(answers(cluster_namespace=COARSE), assets=NODES) as kubecost:
        values = collect(kubecost, usage_metrics=False)
        asked = [request.path for request in kubecost.requests]
    assert [path for path in asked if "getConfigs" not in path] == ["/model/allocation"]
    assert not [name for name in values.names if name.endswith(("cores", "bytes", "gpus"))]
    assert "cluster_idle_cpu_cost" not in values.names


def test_without_the_assets_usage_has_no_spot_part_and_no_idle(day):
    """Nor is anything asked by node, which could not be told apart."""
    values = day(by_node=None, nodes={"code": 500, "message": "no"})
    assert values("namespace_cpu_cores") == {"shop": 2.0, "pay": 1.0}
    assert values("cluster_unmounted_pv_bytes") == {"": 5.0 * GIB}
    assert not [name for name in values.names if "spot" in name]
    assert values("cluster_idle_cpu_cores") == values("cluster_cpu_cores") == {}
    assert values("cluster_pv_bytes") == {"": 15.0 * GIB}


def test_a_node_that_nobody_knows_leaves_the_spot_part_open(day):
    """Of the namespace that used it, and of every sum; not of one that had no such resource."""
    values = day(nodes=assets(node("plain-1", 0, 4, 16)))
    assert values("namespace_spot_cpu_cores") == {"pay": 0.0}
    assert values("namespace_spot_gpus") == {"shop": 0.0, "pay": 0.0}
    assert values("cluster_spot_cpu_cores") == {}
    assert values("namespace_cpu_cores") == {"shop": 2.0, "pay": 1.0}


def test_a_namespace_that_is_not_in_the_answer_by_node_has_no_spot_part(day):
    """It came between the two answers."""
    values = day(by_node={key: one for key, one in BY_NODE.items() if "/pay/" not in key})
    assert values("namespace_spot_cpu_cores") == {"shop": 0.5}


def without(fields, of_row):
    return {key: value for key, value in of_row.items() if key not in fields}


@pytest.mark.parametrize(
    "odd",
    [row(cores=1, cpuCoreHours=None), without({"cpuCoreHours", "gpuHours"}, row(cores=1))],
)
def test_hours_that_are_null_or_missing_beside_a_cost_are_not_known(day, odd):
    """Neither becomes zero, and neither do sums with them; what costs nothing may say nothing."""
    coarse = {"one/odd": odd, "one/sound": row(cores=1)}
    values = day(coarse, {f"{key}/plain-1": one for key, one in coarse.items()})
    assert values("namespace_cpu_cores") == {"sound": 1.0}
    assert values("namespace_spot_cpu_cores") == {"sound": 0.0}
    assert values("cluster_cpu_cores") == {}
    assert values("cluster_gpus") == {"": 0.0}


def test_an_idle_that_was_not_asked_for_is_no_part_of_the_cluster(day):
    """As the cluster's cost has none."""
    coarse = {key: one for key, one in COARSE.items() if "idle" not in key}
    values = day(coarse, include_idle=False)
    assert values("cluster_cpu_cores") == {"": 3.0}
    assert values("cluster_idle_cpu_cores") == {}


def test_two_annotations_are_asked_for_by_node_each(collect):
    """Every level has its spot part, from its own answer."""
    fine = {"one/shop/spot-1/blue": row(cores=1), "one/shop/plain-1/blue": row(cores=3),
            "one/shop/plain-1/__unallocated__": row(cores=2)}  # fmt: skip
    answer = answers(**{
        "cluster_namespace_node_annotation:a": fine, "cluster_namespace_node_annotation:b": fine,
    })  # fmt: skip
    with FakeKubecost(answer, assets=NODES) as kubecost:
        values = collect(kubecost, levels=["annotation:a", "annotation:b"])
    assert values("annotation_cpu_cores") == {"a/blue": 4.0, "b/blue": 4.0}
    assert values("annotation_spot_cpu_cores") == {"a/blue": 1.0, "b/blue": 1.0}
    assert values("annotation_unallocated_cpu_cores") == {"a": 2.0, "b": 2.0}
    assert values("annotation_unallocated_spot_cpu_cores") == {"a": 0.0, "b": 0.0}


def test_objects_of_every_level_have_together_what_the_cluster_has(collect):
    """Of a living cluster: its pods, nodes and namespaces, each with what belongs to none."""
    with SimulatedKubecost(SimulatedCluster(seed=3), FakeClock(NOW)) as kubecost:
        values = collect(kubecost, levels=["cluster", "namespace", "pod", "node"])
    aside = values("cluster_idle_cpu_cores")[""] + values("cluster_unmounted_cpu_cores")[""]
    for level in ("namespace", "pod", "node"):
        of_objects = sum(values(f"{level}_cpu_cores").values())
        assert of_objects + aside == pytest.approx(48.0, abs=1e-3)
    assert values("cluster_cpu_cores")[""] == pytest.approx(48.0)
