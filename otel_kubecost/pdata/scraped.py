"""Metrics that were scraped: they have Prometheus' names and labels already, and keep them.

Exporters that write series take them as they are. To all others they are metrics like any other:
gauges, sums, histograms and summaries of a resource, which is the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from opentelemetry.sdk.metrics.export import Metric, MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

SCRAPE_ATTRIBUTES = frozenset({"server.address", "server.port", "url.scheme"})
"""Attributes of a target's resource that say where a scrape went (OpenTelemetry specification,
compatibility/prometheus_and_openmetrics). Prometheus has no series of them."""


class ExpositionType(StrEnum):
    """Types of families, in the words of OpenMetrics; 0.0.4 says ``untyped`` for unknown."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    GAUGE_HISTOGRAM = "gaugehistogram"
    SUMMARY = "summary"
    INFO = "info"
    STATESET = "stateset"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ScrapedMetric(Metric):
    """A metric whose attributes are labels and whose name is that of its series.

    Its points are columns, or the parts of a histogram or a summary. ``description`` is the help.
    """

    type: ExpositionType = ExpositionType.UNKNOWN
    family: str = ""
    """What the page describes it as, where that is not ``name``: ``foo`` of ``foo_total``."""
    without: frozenset[str] = frozenset()
    """Labels of its resource (``job``, ``instance``) that its series do not have from there."""
    is_tracked: bool = True
    """False: series whose times the target says itself; nobody knows when they ended."""
    for_series_only: bool = False
    """True: another metric says the same in OpenTelemetry's way, as it does of ``foo_created``."""


class TargetScope(InstrumentationScope):
    """The scope of one target's metrics.

    Two targets may have one resource (a kubelet's own page and its cAdvisor's) and different
    series: by ``target`` they are told apart where it matters which of them lacks a series.
    """

    def __init__(self, name: str, target: str) -> None:
        super().__init__(name)
        self.target = target


def is_scraped(metrics_data: MetricsData) -> bool:
    """Whether some of it is what targets said."""
    return any(
        isinstance(of_scope.scope, TargetScope)
        for resource in metrics_data.resource_metrics
        for of_scope in resource.scope_metrics
    )
