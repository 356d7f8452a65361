from otel_kubecost.errors import (
    ConfigError,
    ExportError,
    NoDataError,
    OtelKubecostError,
    PermanentError,
    RetryableError,
    ScrapeError,
)
from otel_kubecost.exporters.debug import DebugExporter
from otel_kubecost.exporters.otlp_http import OtlpHttpExporter
from otel_kubecost.exporters.otlp_json_file import OtlpJsonFileExporter
from otel_kubecost.exporters.prometheus import PrometheusExporter
from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.processors.attributes import PointAttributes
from otel_kubecost.processors.cardinality_limit import CardinalityLimit
from otel_kubecost.processors.filter import Filter
from otel_kubecost.processors.memory_limiter import MemoryLimiter
from otel_kubecost.processors.metrics_transform import MetricsTransform
from otel_kubecost.processors.pricing import Pricing
from otel_kubecost.processors.resource import ResourceAttributes
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.receivers.prometheus import PrometheusReceiver
from otel_kubecost.service import Service, load_config

__all__ = [
    "CardinalityLimit",
    "ConfigError",
    "DebugExporter",
    "ExportError",
    "Filter",
    "KubecostReceiver",
    "MemoryLimiter",
    "MetricsTransform",
    "NoDataError",
    "OtelKubecostError",
    "OtlpHttpExporter",
    "OtlpJsonFileExporter",
    "PermanentError",
    "Pipeline",
    "PointAttributes",
    "Pricing",
    "PrometheusExporter",
    "PrometheusReceiver",
    "PrometheusRemoteWriteExporter",
    "ResourceAttributes",
    "RetryableError",
    "ScrapeError",
    "Service",
    "load_config",
]
