"""Exemplars: the traces behind a counter or behind a bucket of a histogram."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.sdk.metrics import Exemplar

from otel_kubecost.exporters.series.labels import labels_of
from otel_kubecost.exporters.series.model import SeriesExemplar

_MAX_CHARACTERS = 128  # of all names and values of one exemplar, says OpenMetrics


def series_exemplars(exemplars: Iterable[Exemplar]) -> tuple[SeriesExemplar, ...]:
    return tuple(
        SeriesExemplar(_labels(one), one.time_unix_nano // 1_000_000, float(one.value))
        for one in exemplars
    )


def _labels(exemplar: Exemplar) -> tuple[tuple[str, str], ...]:
    """Trace and span, with the attributes that a view dropped where the limit leaves room."""
    trace: dict[str, str] = {}
    if exemplar.trace_id is not None:
        trace["trace_id"] = f"{exemplar.trace_id:032x}"
    if exemplar.span_id is not None:
        trace["span_id"] = f"{exemplar.span_id:016x}"
    full = {**labels_of(exemplar.filtered_attributes, {}), **trace}
    fits = sum(len(name) + len(value) for name, value in full.items()) <= _MAX_CHARACTERS
    return tuple(sorted((full if fits else trace).items()))
