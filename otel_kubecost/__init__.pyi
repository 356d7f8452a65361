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
