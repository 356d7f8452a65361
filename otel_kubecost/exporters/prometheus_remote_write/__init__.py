"""Prometheus remote write: the exporter, its options, and how a configuration names it."""

from __future__ import annotations

from functools import partial

from otel_kubecost.component import Factory, Kind
from otel_kubecost.exporters.prometheus_remote_write.config import PrometheusRemoteWriteOptions
from otel_kubecost.exporters.prometheus_remote_write.exporter import PrometheusRemoteWriteExporter
from otel_kubecost.exporters.sending.exporter import configured

__all__ = ["FACTORY", "PrometheusRemoteWriteExporter", "PrometheusRemoteWriteOptions"]

FACTORY = Factory(
    kind=Kind.EXPORTER,
    name="prometheus_remote_write",
    aliases=("prometheusremotewrite",),
    summary="Sends samples to a Prometheus remote write endpoint, CloudTuner's for one.",
    options=PrometheusRemoteWriteOptions,
    build=partial(configured, PrometheusRemoteWriteExporter),
)
