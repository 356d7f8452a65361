"""Scraped metrics to families: names, labels and types are Prometheus' already.

What a page calls the histogram foo has three names, and is a family for each of them: its parts
are columns already, and of 100,000 buckets no row is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics.export import Gauge, Metric

from otel_kubecost.exporters.series.model import Type
from otel_kubecost.exporters.series.names import metric_name
from otel_kubecost.pdata import ExpositionType, Parts, ScrapedMetric

TYPES = {
    ExpositionType.COUNTER: Type.COUNTER,
    ExpositionType.GAUGE: Type.GAUGE,
    ExpositionType.HISTOGRAM: Type.HISTOGRAM,
    ExpositionType.GAUGE_HISTOGRAM: Type.GAUGE_HISTOGRAM,
    ExpositionType.SUMMARY: Type.SUMMARY,
    ExpositionType.INFO: Type.INFO,
    ExpositionType.STATESET: Type.STATESET,
    ExpositionType.UNKNOWN: Type.UNKNOWN,
}

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def parts_of(metric: ScrapedMetric) -> Iterator[tuple[str, Metric]]:
    """The series of ``metric`` by their name, as metrics of plain numbers where they are parts.

    Raises ValueError where no character of the name is allowed in Prometheus.
    """
    name = scraped_metric_name(metric.name)
    points: Any = metric.data.data_points
    if not isinstance(points, Parts):
        yield name, metric
        return
    for suffix, columns in points.by_suffix.items():
        yield name + suffix, replace(metric, data=Gauge(columns))


def scraped_metric_name(name: str) -> str:
    """``name`` as it is where it can be, without any suffix else."""
    if not _METRIC_NAME.fullmatch(name):
        name = metric_name(name, "", monotonic=False, gauge=False)
    if not name:
        raise ValueError("no character of its name is allowed in Prometheus")
    return name
