"""``service.telemetry`` as a model of OpenTelemetry's declarative configuration.

The Collector has the same model for its own telemetry. The package with it is an extra, and
experimental: it is imported where something of it is configured.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any

from otel_kubecost.attributes import INSTANCE
from otel_kubecost.config.cross_checks import block
from otel_kubecost.config.model_reader import ModelReader
from otel_kubecost.config.option_fields import Path
from otel_kubecost.config.problems import Finding
from otel_kubecost.config.telemetry_options import TelemetryOptions
from otel_kubecost.tracing import version

_PARTS = (("metrics", "readers", "MetricReader"), ("traces", "processors", "SpanProcessor"))
"""Block, key, and the class of the model that each item under it is of."""
_PLUGINS = {
    "PushMetricExporter": "opentelemetry_metrics_exporter",
    "PullMetricExporter": "opentelemetry_pull_metric_exporter",
    "SpanExporter": "opentelemetry_traces_exporter",
}
"""Classes of the model that may name what other distributions bring, by their entry points."""


def telemetry(data: Mapping[str, Any]) -> Iterator[Finding]:
    """The mistakes of ``service.telemetry``, in plain data."""
    section = block(block(data, "service"), "telemetry")
    for signal, key, model in _PARTS:
        written = block(section, signal).get(key)
        if written and isinstance(written, list | tuple):
            yield from _read(written, model, ("service", "telemetry", signal, key))[1]


def declared(options: TelemetryOptions) -> Any:
    """The ``OpenTelemetryConfiguration`` of options without mistakes; None where nothing is."""
    readers = options.metrics.readers if options.metrics.level != "none" else ()
    processors = options.traces.processors
    if not (readers or processors):
        return None
    from opentelemetry.configuration import OpenTelemetryConfiguration, models  # noqa: PLC0415

    attributes = [
        models.AttributeNameValue(name, value)
        for name, value in {**_default_resource(), **options.resource}.items()
        if value is not None
    ]
    return OpenTelemetryConfiguration(
        file_format="1.0",
        resource=models.Resource(attributes=attributes),
        meter_provider=models.MeterProvider(_read(readers, "MetricReader")[0]) if readers else None,
        tracer_provider=models.TracerProvider(_read(processors, "SpanProcessor")[0])
        if processors
        else None,
    )


def _default_resource() -> dict[str, str]:
    """With the name of the pod or host: two replicas are not one series."""
    return {
        "service.name": "otel-kubecost",
        "service.version": version(),
        INSTANCE: socket.gethostname(),
    }


def _read(written: Iterable[Any], model: str, path: Path = ()) -> tuple[Any, list[Finding]]:
    """A list of instances of ``model``, and every mistake."""
    try:
        from opentelemetry.configuration import models  # noqa: PLC0415  an extra, 3 MiB
    except ImportError:
        hint = "pip install 'otel-kubecost[telemetry]'"
        return [], [Finding(path, "needs a package that is not installed", hint)]
    reader = ModelReader(_plugins)
    wanted = getattr(models, model)
    read = [reader.read(one, wanted, (*path, index)) for index, one in enumerate(written)]
    return read, reader.findings


def _plugins(model: type) -> Iterable[str]:
    group = _PLUGINS.get(model.__name__)
    return (one.name for one in entry_points(group=group)) if group else ()
