"""Batches as exporters know them that were written for any OpenTelemetry SDK."""

from __future__ import annotations

from opentelemetry.sdk.metrics.export import (
    ExponentialHistogram,
    Gauge,
    Histogram,
    MetricsData,
    Sum,
)

from otel_kubecost.component import Exporter
from otel_kubecost.pdata import each_metric, in_otlp_terms, map_scopes
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_KNOWN = (Gauge, Sum, Histogram, ExponentialHistogram)


class ForeignBatches:
    """What one exporter gets of each batch.

    What was scraped is in OpenTelemetry's terms, and without what no SDK has: summaries. Some
    exporters read a value of each point before they look at what it is of, and would raise. One
    that says ``takes_summaries`` gets batches as they are.
    """

    def __init__(self, exporter: Exporter) -> None:
        self._name = type(exporter).__name__
        self._takes_all = bool(getattr(exporter, "takes_summaries", False))
        self._said = False

    def of(self, batch: MetricsData) -> MetricsData:
        """``batch`` itself where nothing in it is new to the exporter."""
        if self._takes_all:
            return batch
        found = in_otlp_terms(batch)
        unknown = [metric for _, _, metric in each_metric(found) if not _is_known(metric.data)]
        if not unknown:
            return found
        self._say(unknown[0].name, type(unknown[0].data).__name__)
        return map_scopes(found, lambda _, metrics: [one for one in metrics if _is_known(one.data)])

    def _say(self, metric: str, kind: str) -> None:
        if not self._said:
            self._said = True
            _log.warning(
                f"{self._name} gets no metrics of type {kind}, {metric} for one: no SDK has such",
                exporter=self._name,
                metric=metric,
                hint="otlp_http and prometheus_remote_write send them; a filter drops them",
            )


def _is_known(data: object) -> bool:
    return isinstance(data, _KNOWN)
