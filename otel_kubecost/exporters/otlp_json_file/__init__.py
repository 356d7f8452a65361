"""The exporter ``otlp_json_file``: lines of OTLP-JSON, for sites without a network."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.exporters.otlp_json_file.config import OtlpJsonFileOptions, RotationOptions
from otel_kubecost.exporters.otlp_json_file.exporter import OtlpJsonFileExporter

FACTORY = Factory(
    kind=Kind.EXPORTER,
    name="otlp_json_file",
    summary="Appends lines of OTLP-JSON to a file, for a Collector to read.",
    options=OtlpJsonFileOptions,
    build=lambda options, settings: OtlpJsonFileExporter(options, clock=settings.clock),
    aliases=("otlpjsonfile",),
)

__all__ = ["FACTORY", "OtlpJsonFileExporter", "OtlpJsonFileOptions", "RotationOptions"]
