"""What is let go while metrics are made of it is asked for by nobody again."""

from datetime import UTC, datetime

import pytest

from otel_kubecost.pdata import each_metric
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.testing import FakeClock, FakeKubecost

NOW = 1_767_232_800
ROW = {
    "totalCost": 3.0, "cpuCost": 1.0, "ramCost": 2.0, "cpuEfficiency": 0.5, "ramEfficiency": 0.25,
    "totalEfficiency": 0.3, "cpuCoreHours": 4.0, "ramByteHours": 8.0, "gpuHours": 0.0,
}  # fmt: skip


ONE = {"cluster": "one", "namespace": "shop", "pod": "p", "node": "n",
       "label:a": "x", "label:b": "y", "annotation:b": "z"}  # fmt: skip
SECOND = {**ONE, "pod": "q", "label:b": "w"}
OTHER = {**ONE, "cluster": "two"}


def answering(coarse, fine):
    """A Kubecost that has ``coarse`` by namespace, and ``fine`` by any other dimensions."""

    def answer(query):
        start, end = (
            datetime.fromtimestamp(time, UTC).isoformat() for time in (query.start, query.end)
        )
        objects = coarse if query.aggregate == ("cluster", "namespace") else fine
        keys = ["/".join(names[one] for one in query.aggregate) for names in objects]
        row = {**ROW, "start": start, "end": end, "window": {"start": start, "end": end}}
        return {"code": 200, "data": [dict.fromkeys(keys, row)]}

    return answer


def metrics(answer, **options):
    with FakeKubecost(answer) as kubecost:
        receiver = KubecostReceiver(
            endpoint=kubecost.url, tenant_id="t", cluster_name="c", currency="USD",
            clock=FakeClock(NOW), **options,
        )  # fmt: skip
        batches = list(receiver.collect(NOW))
        assert receiver.failure is None
        receiver.shutdown()
    return [
        (
            dict(resource.resource.attributes)["k8s.cluster.name"],
            metric.name,
            len(metric.data.data_points),
        )
        for batch in batches
        for resource, _, metric in each_metric(batch)
        if "exporter" not in metric.name
    ]


@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize("fine", [[ONE], [ONE, SECOND]])
@pytest.mark.parametrize(
    "levels",
    [["label:a", "label:b"], ["pod", "label:a", "label:b"], ["label:a", "annotation:b"], ["pod"]],
)
def test_levels_over_one_answer_read_all_of_it(levels, fine, usage):
    """Two labels are parts of one level: the first does not take what the second needs."""
    answer = answering([ONE], fine)
    found = metrics(answer, levels=["cluster", *levels], pod_metrics="all", usage_metrics=usage)
    names = {level.partition(":")[0] for level in levels}
    assert {f"cloudtuner_kubecost_{name}_total_cost" for name in names} <= {it[1] for it in found}


@pytest.mark.parametrize("usage", [False, True])
@pytest.mark.parametrize(("fine", "name"), [(ONE, "one"), (OTHER, "two")])
def test_a_cluster_that_the_finer_answer_lacks_has_its_own_metrics(fine, name, usage):
    """The other one's answer is read for both, also if it has but one cluster."""
    answer = answering([ONE, OTHER], [fine])
    found = metrics(answer, levels=["cluster", "pod"], pod_metrics="all", usage_metrics=usage)
    totals = [cluster for cluster, metric, _ in found if metric.endswith("cluster_total_cost")]
    assert totals == ["one", "two"]
    pods = [cluster for cluster, metric, _ in found if metric.endswith("_pod_cpu_efficiency")]
    assert pods == [name]
