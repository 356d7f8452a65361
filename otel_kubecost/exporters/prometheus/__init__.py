"""The exporter ``prometheus``: a page of metrics for whoever scrapes it."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.exporters.prometheus.config import PrometheusExporterOptions
from otel_kubecost.exporters.prometheus.exporter import PrometheusExporter

FACTORY = Factory(
    kind=Kind.EXPORTER,
    name="prometheus",
    summary="Serves the newest metrics at /metrics, for Prometheus to scrape.",
    options=PrometheusExporterOptions,
    build=lambda options, settings: PrometheusExporter(options, own_metrics=settings.own_metrics),
)

__all__ = ["FACTORY", "PrometheusExporter", "PrometheusExporterOptions"]
