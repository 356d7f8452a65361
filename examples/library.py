"""Use the parts as a library: one scrape, the top pods, one write.

python examples/library.py http://kubecost:9090 https://host/api/v1/write
"""

import sys

from otel_kubecost import (
    CardinalityLimit,
    KubecostReceiver,
    Pipeline,
    PrometheusRemoteWriteExporter,
)


def main(kubecost: str, endpoint: str) -> None:
    receiver = KubecostReceiver(
        endpoint=kubecost,
        tenant_id="11111111-2222-3333-4444-555555555555",
        cluster_name="production-k8s-cluster",
        levels=["cluster", "namespace", "pod"],
    )
    exporter = PrometheusRemoteWriteExporter(
        endpoint=endpoint,
        headers={"Cloud-Account-Id": "11111111-2222-3333-4444-555555555555"},
    )
    pipeline = Pipeline(receiver, [CardinalityLimit(top_n_pods=50)], [exporter])
    print(pipeline.run_once())
    pipeline.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
