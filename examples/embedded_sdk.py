"""Costs beside an application's own metrics, through an exporter that it has already.

Any ``MetricExporter`` of the OpenTelemetry SDK works at the end of a pipeline; here the console's.

    python examples/embedded_sdk.py http://kubecost:9090
"""

import sys
import time

from opentelemetry.sdk.metrics.export import ConsoleMetricExporter

from otel_kubecost import KubecostReceiver, Pipeline


def main(kubecost: str, seconds: str = "3") -> None:
    receiver = KubecostReceiver(
        endpoint=kubecost,
        tenant_id="11111111-2222-3333-4444-555555555555",
        cluster_name="production-k8s-cluster",
        emit_interval="1s",
    )
    pipeline = Pipeline(receiver, [], [ConsoleMetricExporter()])
    pipeline.start()  # threads of its own; the application goes on
    time.sleep(float(seconds))
    pipeline.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
