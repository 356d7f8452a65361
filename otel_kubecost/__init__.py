"""Costs from Kubecost and OpenCost, as OpenTelemetry metrics, to Prometheus remote write.

    Service.from_yaml("pipeline.yaml").run()                       run a configuration
    Pipeline(receiver, [processor], [exporter]).run_once()         compose by hand
    Pipeline(receiver, [], [any SDK MetricExporter]).start()       embed

The path of one scrape, in the order in which to read the package: ``receivers.kubecost`` (window,
client, allocation, levels, costs, metrics), ``pdata`` (what flows), ``processors``, ``pipeline``,
``exporters.series`` (translation), ``exporters.prometheus_remote_write`` (encoding),
``exporters.sending`` (queue, retry). ``config`` reads configurations, ``components`` lists what
they can name, ``service`` runs them.

A name is imported when it is used, with what it needs. ``__init__.pyi`` tells type checkers what
the names are.
"""

from typing import Any

from otel_kubecost.on_demand import OnDemand

_PUBLIC: OnDemand[Any] = OnDemand(
    {
        "CardinalityLimit": "otel_kubecost.processors.cardinality_limit:CardinalityLimit",
        "ConfigError": "otel_kubecost.errors:ConfigError",
        "DebugExporter": "otel_kubecost.exporters.debug:DebugExporter",
        "ExportError": "otel_kubecost.errors:ExportError",
        "Filter": "otel_kubecost.processors.filter:Filter",
        "KubecostReceiver": "otel_kubecost.receivers.kubecost:KubecostReceiver",
        "MemoryLimiter": "otel_kubecost.processors.memory_limiter:MemoryLimiter",
        "MetricsTransform": "otel_kubecost.processors.metrics_transform:MetricsTransform",
        "NoDataError": "otel_kubecost.errors:NoDataError",
        "OtelKubecostError": "otel_kubecost.errors:OtelKubecostError",
        "OtlpHttpExporter": "otel_kubecost.exporters.otlp_http:OtlpHttpExporter",
        "OtlpJsonFileExporter": "otel_kubecost.exporters.otlp_json_file:OtlpJsonFileExporter",
        "PermanentError": "otel_kubecost.errors:PermanentError",
        "Pipeline": "otel_kubecost.pipeline:Pipeline",
        "PointAttributes": "otel_kubecost.processors.attributes:PointAttributes",
        "Pricing": "otel_kubecost.processors.pricing:Pricing",
        "PrometheusExporter": "otel_kubecost.exporters.prometheus:PrometheusExporter",
        "PrometheusReceiver": "otel_kubecost.receivers.prometheus:PrometheusReceiver",
        "PrometheusRemoteWriteExporter": (
            "otel_kubecost.exporters.prometheus_remote_write:PrometheusRemoteWriteExporter"
        ),
        "ResourceAttributes": "otel_kubecost.processors.resource:ResourceAttributes",
        "RetryableError": "otel_kubecost.errors:RetryableError",
        "ScrapeError": "otel_kubecost.errors:ScrapeError",
        "Service": "otel_kubecost.service:Service",
        "load_config": "otel_kubecost.service:load_config",
    }
)

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _PUBLIC[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})
