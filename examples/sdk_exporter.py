"""The remote-write exporter in an application's SDK: counters, histograms, any instrument.

python examples/sdk_exporter.py https://host/api/v1/write
"""

import sys

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from otel_kubecost import PrometheusRemoteWriteExporter


def main(endpoint: str) -> None:
    reader = PeriodicExportingMetricReader(PrometheusRemoteWriteExporter(endpoint=endpoint))
    resource = Resource.create({"service.name": "shop", "service.instance.id": "shop-0"})
    provider = MeterProvider(metric_readers=[reader], resource=resource)
    meter = provider.get_meter("shop")
    orders = meter.create_counter("orders", description="Orders taken.")
    latency = meter.create_histogram("latency", unit="s", description="Time to answer.")
    for item in ("book", "book", "pen"):
        orders.add(1, {"item": item})
        latency.record(0.012)
    provider.shutdown()  # collects and writes what is left


if __name__ == "__main__":
    main(*sys.argv[1:])
