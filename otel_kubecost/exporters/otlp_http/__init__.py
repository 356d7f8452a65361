"""OTLP over HTTP: the exporter, its options, and how a configuration names it."""

from __future__ import annotations

from functools import partial

from otel_kubecost.component import Factory, Kind
from otel_kubecost.exporters.otlp_http.config import OtlpHttpOptions
from otel_kubecost.exporters.otlp_http.exporter import OtlpHttpExporter
from otel_kubecost.exporters.sending.exporter import configured

__all__ = ["FACTORY", "OtlpHttpExporter", "OtlpHttpOptions"]

FACTORY = Factory(
    kind=Kind.EXPORTER,
    name="otlp_http",
    aliases=("otlphttp",),
    summary="Sends metrics to an OpenTelemetry Collector, or any receiver of OTLP over HTTP.",
    options=OtlpHttpOptions,
    build=partial(configured, OtlpHttpExporter),
)
