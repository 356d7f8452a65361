"""A processor is a function from MetricsData to MetricsData. This one drops idle cost.

python examples/custom_processor.py http://kubecost:9090
"""

import sys

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost import KubecostReceiver, Pipeline
from otel_kubecost.pdata import each_metric, map_scopes

IDLE = "cloudtuner_kubecost_cluster_idle_cost"


def without_idle(data: MetricsData) -> MetricsData:
    return map_scopes(data, lambda _, metrics: [one for one in metrics if one.name != IDLE])


def main(kubecost: str) -> None:
    receiver = KubecostReceiver(
        endpoint=kubecost,
        tenant_id="11111111-2222-3333-4444-555555555555",
        cluster_name="production-k8s-cluster",
    )
    for batch in Pipeline(receiver, [without_idle], []).collect():
        for _, _, metric in each_metric(batch):
            for point in metric.data.data_points:
                print(metric.name, dict(point.attributes or {}), point)


if __name__ == "__main__":
    main(*sys.argv[1:])
