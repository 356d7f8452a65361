"""Prometheus remote write: the exporter, its options, and how a configuration names it."""

from __future__ import annotations

from otel_kubecost.component import Factory, Kind, Settings
from otel_kubecost.exporters.prometheus_remote_write.config import PrometheusRemoteWriteOptions
from otel_kubecost.exporters.prometheus_remote_write.exporter import PrometheusRemoteWriteExporter

__all__ = ["FACTORY", "PrometheusRemoteWriteExporter", "PrometheusRemoteWriteOptions"]


def _build(
    options: PrometheusRemoteWriteOptions, settings: Settings
) -> PrometheusRemoteWriteExporter:
    named = options.model_copy(update={"name": options.name or str(settings.id)})
    spool = settings.queue(options.storage, options.account)
    exporter = PrometheusRemoteWriteExporter(named, clock=settings.clock, spool=spool)
    settings.own_metrics.register(str(settings.id), exporter.own_metrics)
    return exporter


FACTORY = Factory(
    kind=Kind.EXPORTER,
    name="prometheus_remote_write",
    aliases=("prometheusremotewrite",),
    summary="Sends samples to a Prometheus remote write endpoint, CloudTuner's for one.",
    options=PrometheusRemoteWriteOptions,
    build=_build,
)
