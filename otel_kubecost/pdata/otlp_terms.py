"""Scraped metrics in OpenTelemetry's terms, for whoever does not write series.

By the specification, compatibility/prometheus_and_openmetrics, "Prometheus Metric points to OTLP".
What was scraped is a gauge, a sum, a histogram or a summary already, under its own name. What else
is asked for is here: units, types as the metadata of metrics, and what has to be dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from opentelemetry.sdk.metrics.export import Gauge, Histogram, Metric, MetricsData, Sum

from otel_kubecost.pdata.batch import each_metric, map_scopes
from otel_kubecost.pdata.scraped import ExpositionType, ScrapedMetric
from otel_kubecost.pdata.summary import Summary

TYPE = "prometheus.type"
"""The key of a metric's metadata."""

_UNITS = {
    "days": "d", "hours": "h", "minutes": "min", "seconds": "s",
    "milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns",
    "bytes": "By", "kibibytes": "KiBy", "mebibytes": "MiBy", "gibibytes": "GiBy",
    "tibibytes": "TiBy", "kilobytes": "kBy", "megabytes": "MBy", "gigabytes": "GBy",
    "terabytes": "TBy",
    "meters": "m", "volts": "V", "amperes": "A", "joules": "J", "watts": "W", "grams": "g",
    "celsius": "Cel", "hertz": "Hz", "ratio": "1", "percent": "%",
}  # fmt: skip
_PER_UNITS = {
    "second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "month": "mo", "year": "y",
}  # fmt: skip
"""As who translates back reads them: there ``m`` is the minute, which it is not in UCUM."""

_DATA = {
    ExpositionType.COUNTER: Sum,
    ExpositionType.GAUGE: Gauge,
    ExpositionType.HISTOGRAM: Histogram,
    ExpositionType.SUMMARY: Summary,
    ExpositionType.INFO: Sum,
    ExpositionType.STATESET: Sum,
}


def in_otlp_terms(data: MetricsData) -> MetricsData:
    """``data`` with the units of OpenTelemetry, and without what has no place in OTLP.

    That are gauge histograms, and metrics that are there for series only. Where nothing was
    scraped it is ``data`` itself.
    """
    if not any(isinstance(metric, ScrapedMetric) for _, _, metric in each_metric(data)):
        return data
    return map_scopes(
        data, lambda _, metrics: [_with_unit(one) for one in metrics if not _has_no_place(one)]
    )


def metadata_of(metric: Metric) -> Mapping[str, str]:
    """What OTLP has as a metric's metadata: of one that was scraped its type.

    What a page has among the series of a family and does not fit its type is of unknown type.
    """
    if not isinstance(metric, ScrapedMetric):
        return {}
    fits = isinstance(metric.data, _DATA.get(metric.type, Gauge))
    return {TYPE: metric.type if fits else ExpositionType.UNKNOWN}


def otlp_unit(unit: str) -> str:
    """UCUM of OpenMetrics' word: ``s`` of seconds, ``By/s`` of bytes_per_second."""
    main, _, per = unit.partition("_per_")
    word = _UNITS.get(main, main)
    return f"{word}/{_PER_UNITS.get(per, per)}" if per else word


def _has_no_place(metric: Metric) -> bool:
    return isinstance(metric, ScrapedMetric) and (
        metric.for_series_only or metric.type is ExpositionType.GAUGE_HISTOGRAM
    )


def _with_unit(metric: Metric) -> Metric:
    if not isinstance(metric, ScrapedMetric) or not metric.unit:
        return metric
    return replace(metric, unit=otlp_unit(metric.unit))
