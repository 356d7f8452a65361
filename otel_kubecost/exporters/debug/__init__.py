"""The exporter ``debug``: what passes through a pipeline, for people."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.exporters.debug.config import DebugOptions, Verbosity
from otel_kubecost.exporters.debug.exporter import DebugExporter

FACTORY = Factory(
    kind=Kind.EXPORTER,
    name="debug",
    summary="Prints what passes through a pipeline.",
    options=DebugOptions,
    build=lambda options, settings: DebugExporter(options, clock=settings.clock),
)

__all__ = ["FACTORY", "DebugExporter", "DebugOptions", "Verbosity"]
