"""Costs as gauges of an application's own MeterProvider, which is set up by hand.

python examples/cost_gauges.py http://kubecost:9090 https://host/api/v1/write
"""

import sys
import time

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from otel_kubecost import PrometheusRemoteWriteExporter
from otel_kubecost.sdk.instrumentor import KubecostInstrumentor


def main(kubecost: str, endpoint: str, seconds: str = "60") -> None:
    reader = PeriodicExportingMetricReader(PrometheusRemoteWriteExporter(endpoint=endpoint))
    resource = Resource.create({"service.name": "by-hand"})
    provider = MeterProvider(metric_readers=[reader], resource=resource)
    KubecostInstrumentor().instrument(
        endpoint=kubecost,
        tenant_id="11111111-2222-3333-4444-555555555555",
        cluster_name="production-k8s-cluster",
        meter_provider=provider,
    )
    time.sleep(float(seconds))  # the application's work; costs come from a thread
    provider.shutdown()  # collects and writes what is left
    KubecostInstrumentor().uninstrument()


if __name__ == "__main__":
    main(*sys.argv[1:])
