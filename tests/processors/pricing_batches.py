"""What the tests of pricing share: batches from plain numbers, and their values."""

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import AttributeTable, PointColumns, each_metric, gauge, metrics_of

SCOPE = InstrumentationScope("otel_kubecost.receivers.kubecost")
PREFIX = "cloudtuner_kubecost_"
GIB = 2**30
KEYS = {
    "namespace": ("k8s.namespace.name",),
    "pod": ("k8s.namespace.name", "k8s.pod.name"),
    "node": ("k8s.node.name",),
}


def metrics(level, objects, unit="{USD/h}", time=60):
    """A level's metrics, from the numbers of each object by the end of the metrics' names."""
    keys = KEYS.get(level, ())
    names = sorted(objects)
    table = AttributeTable.of(keys, [tuple(name.split("/"))[: len(keys)] for name in names])
    for end in dict.fromkeys(end for numbers in objects.values() for end in numbers):
        values = [objects[name].get(end) for name in names]
        is_cost = end.endswith("cost")
        points = PointColumns.of(
            table, values, constant={"currency": "USD"} if is_cost else {}, time_unix_nano=time
        )
        yield gauge(f"{PREFIX}{level}_{end}", f"X of the {level}.", unit * is_cost, points)


def batch(*of_levels):
    found = [metric for one in of_levels for metric in one]
    resource = {"tenant.id": "t", "k8s.cluster.name": "prod"}
    return MetricsData([metrics_of(resource, [(SCOPE, found)])])


def values(data):
    """By the end of metrics' names and what points are about, such as ``pod_cpu_cost shop/web``."""
    found = {}
    for _, _, metric in each_metric(data):
        for point in metric.data.data_points:
            about = [value for key, value in point.attributes.items() if key != "currency"]
            name = f"{metric.name.removeprefix(PREFIX)} {'/'.join(about)}".strip()
            assert name not in found
            found[name] = point.value
    return found
