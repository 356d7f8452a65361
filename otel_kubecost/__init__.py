"""Costs from Kubecost and OpenCost, as OpenTelemetry metrics, to Prometheus remote write.

    Service.from_yaml("pipeline.yaml").run()                       run a configuration
    Pipeline(receiver, [processor], [exporter]).run_once()         compose by hand
    Pipeline(receiver, [], [any SDK MetricExporter]).start()       embed

The path of one scrape, in the order in which to read the package: ``receivers.kubecost`` (window,
client, allocation, levels, costs, metrics), ``pdata`` (what flows), ``processors``, ``pipeline``,
``exporters.series`` (translation), ``exporters.prometheus_remote_write`` (encoding),
``exporters.sending`` (queue, retry). ``config`` reads configurations, ``components`` lists what
they can name, ``service`` runs them.
"""

from otel_kubecost.errors import (
    ConfigError,
    ExportError,
    NoDataError,
    OtelKubecostError,
    PermanentError,
    RetryableError,
    ScrapeError,
)
from otel_kubecost.exporters.prometheus import PrometheusExporter
from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.processors.cardinality_limit import CardinalityLimit
from otel_kubecost.processors.pricing import Pricing
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.service import Service, load_config

__all__ = [
    "CardinalityLimit",
    "ConfigError",
    "ExportError",
    "KubecostReceiver",
    "NoDataError",
    "OtelKubecostError",
    "PermanentError",
    "Pipeline",
    "Pricing",
    "PrometheusExporter",
    "PrometheusRemoteWriteExporter",
    "RetryableError",
    "ScrapeError",
    "Service",
    "load_config",
]
