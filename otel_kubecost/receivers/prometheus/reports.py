"""What a scrape adds to a page: how it went, and which target it is of."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData

from otel_kubecost.pdata import (
    AttributeTable,
    ExpositionType,
    PointColumns,
    ScrapedMetric,
    TargetScope,
    metrics_of,
)
from otel_kubecost.receivers.prometheus.discovery.targets import Target

_PORTS = {"http": 80, "https": 443}
_OF_THE_RESOURCE = frozenset({"job", "instance"})
_ONE_ROW = AttributeTable((), (), 1)


class Report(NamedTuple):
    """How a scrape went; the counts of one that failed are of what was read before."""

    is_up: bool
    seconds: float
    scraped: int = 0
    kept: int = 0
    """After ``metric_relabel_configs``."""
    added: int = 0
    """Series that the scrape before had not."""


class Origin:
    """Where samples come from: the resource and the scope of one target."""

    def __init__(self, target: Target, scope: str) -> None:
        self._resource = _resource(target)
        self._scope = TargetScope(scope, target.identity)
        self._constant, self._without = _labels(target.labels)

    def batch(self, metrics: Sequence[Metric], report: Report, time: int) -> MetricsData:
        """``metrics`` of a scrape at ``time`` (milliseconds since the epoch) with its report."""
        return self._data([*metrics, *self._of_report(report, time)])

    def ended(self, time: int) -> MetricsData:
        """What says that there are no more series of the target, at ``time``."""
        return self._data([self._gauge("up", _UP, array("d"), time)])

    def _data(self, metrics: Iterable[Metric]) -> MetricsData:
        return MetricsData([metrics_of(self._resource, [(self._scope, list(metrics))])])

    def _of_report(self, report: Report, time: int) -> Iterator[Metric]:
        for name, description, value in _told(report):
            yield self._gauge(name, description, array("d", [value]), time)

    def _gauge(self, name: str, description: str, values: array[float], time: int) -> Metric:
        points = PointColumns(
            _ONE_ROW,
            values,
            rows=None if values else array("I"),
            constant=self._constant,
            time_unix_nano=time * 1_000_000,
        )
        return ScrapedMetric(
            name, description, "", Gauge(points), ExpositionType.GAUGE, without=self._without
        )


_UP = "Whether the last scrape of the target succeeded (1) or not (0)."


def _told(report: Report) -> Iterator[tuple[str, str, float]]:
    yield "up", _UP, report.is_up
    yield "scrape_duration_seconds", "How long the scrape took.", report.seconds
    yield "scrape_samples_scraped", "Samples that the page had.", report.scraped
    what = "Samples that metric_relabel_configs left."
    yield "scrape_samples_post_metric_relabeling", what, report.kept
    yield "scrape_series_added", "Series that the scrape before had not.", report.added


def _labels(labels: Mapping[str, str]) -> tuple[Mapping[str, str], frozenset[str]]:
    """Labels that points have themselves, and those that are not to come from the resource."""
    if not all(labels.get(name) for name in _OF_THE_RESOURCE):
        return labels, _OF_THE_RESOURCE
    others = {name: text for name, text in labels.items() if name not in _OF_THE_RESOURCE}
    return others, frozenset()


def _resource(target: Target) -> Mapping[str, str]:
    """As the OpenTelemetry specification has it (compatibility/prometheus_and_openmetrics)."""
    url = urlsplit(target.url)
    port = url.port or _PORTS.get(url.scheme)
    attributes = {
        "service.name": target.labels.get("job", ""),
        "service.instance.id": target.labels.get("instance", ""),
        "server.address": url.hostname or "",
        "server.port": str(port or ""),
        "url.scheme": url.scheme,
    }
    return {name: text for name, text in attributes.items() if text}
