"""Batches of costs, for what shows them."""

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.attributes import CLUSTER, NAMESPACE, POD, TENANT
from otel_kubecost.pdata import AttributeTable, PointColumns, gauge, metrics_of

TOTAL = "cloudtuner_kubecost_pod_total_cost"
CPU = "cloudtuner_kubecost_pod_cpu_cost"
EFFICIENCY = "cloudtuner_kubecost_pod_cpu_efficiency"
SCOPE = InstrumentationScope("otel_kubecost.receivers.kubecost")


def batch(pods, tenant="t", cluster="c", currency="USD"):
    """``pods``: (namespace, pod) to cost; a tenth of it is CPU, and so is the efficiency."""
    table = AttributeTable.of((NAMESPACE, POD), list(pods))
    costs = list(pods.values())
    constant = {"currency": currency}
    metrics = [
        gauge(TOTAL, "All costs.", "{USD/h}", PointColumns.of(table, costs, constant=constant)),
        gauge(
            CPU,
            "CPU cost.",
            "{USD/h}",
            PointColumns.of(table, [cost / 10 for cost in costs], constant=constant),
        ),
        gauge(EFFICIENCY, "", "", PointColumns.of(table, [cost / 10 for cost in costs])),
    ]
    return MetricsData([metrics_of({TENANT: tenant, CLUSTER: cluster}, [(SCOPE, metrics)])])
