"""``MetricsData`` to families of series: what OpenTelemetry measured, as Prometheus says it.

    resource  tenant.id=acme, k8s.cluster.name=prod        tenant_id="acme", cluster="prod"
    metric    kubecost.namespace.cost  {USD/h}             kubecost_namespace_cost
    point     k8s.namespace.name=shop  1.02                namespace="shop"           1.02

Names and their suffixes are in ``names``, attributes in ``labels`` and ``resource``, histograms
and deltas in ``histogram`` and ``cumulative``, repeated series in ``merge``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    DataT,
    ExponentialHistogram,
    Gauge,
    Histogram,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

from otel_kubecost.exporters.series.cumulative import Totals
from otel_kubecost.exporters.series.exemplars import series_exemplars
from otel_kubecost.exporters.series.histogram import histogram_series
from otel_kubecost.exporters.series.labelling import Labelling, ResourceLabelling
from otel_kubecost.exporters.series.labels import sorted_labels, valid_text
from otel_kubecost.exporters.series.merge import each_series_once, flatten
from otel_kubecost.exporters.series.model import (
    SUFFIXES,
    ColumnSeries,
    Family,
    Sample,
    ScopeFamilies,
    Series,
    Type,
)
from otel_kubecost.exporters.series.names import metric_name
from otel_kubecost.exporters.series.resource import (
    TARGET_INFO,
    resource_labels,
    resource_origin,
    scope_origin,
    target_info,
)
from otel_kubecost.exporters.series.scraped import TYPES, parts_of
from otel_kubecost.exporters.series.summary import summary_series
from otel_kubecost.pdata import PointColumns, ScrapedMetric, Summary, SummaryDataPoint, TargetScope
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

LABEL_NAMES: Mapping[str, str] = {
    "tenant.id": "tenant_id",
    "k8s.cluster.name": "cluster",
    "k8s.namespace.name": "namespace",
    "k8s.pod.name": "pod",
    "k8s.node.name": "node",
    "k8s.controller.kind": "controller_kind",
    "k8s.controller.name": "controller",
    "service.instance.id": "instance",
}
"""Labels whose name is not simply the attribute's key made valid."""

_MALFORMED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What foreign data that is not what its types say can raise: it costs itself, not the batch."""


@dataclass(frozen=True, slots=True)
class Translation:
    """How attributes become labels and metrics get their names."""

    label_names: Mapping[str, str] = field(default_factory=lambda: dict(LABEL_NAMES))
    promote_resource_attributes: tuple[str, ...] = ("tenant.id", "k8s.cluster.name")
    """Resource attributes that every series of the resource has as labels."""
    target_info: bool = True
    """One series a resource with its other attributes, where ``job`` or ``instance`` names it."""
    external_labels: Mapping[str, str] = field(default_factory=dict)
    """Labels for all series; those that a series has itself win."""


@runtime_checkable
class TranslatingExporter(Protocol):
    """An exporter that can say which series a batch is to it; it sends nothing for that."""

    def translate(self, metrics_data: MetricsData) -> list[Family]: ...


class _Place(NamedTuple):
    """Where a metric was found."""

    origin: tuple[str, ...]
    labelling: Labelling
    is_scraped: bool = False


class Translator:
    """Translates batch after batch; its only state are the totals of delta series.

    Not for several threads at once.
    """

    def __init__(self, translation: Translation | None = None) -> None:
        self._translation = translation or Translation()
        self._totals = Totals()

    def translate(self, metrics_data: MetricsData) -> list[Family]:
        """The families of a batch, names distinct, each series once."""
        return flatten(self.by_scope(metrics_data))

    def by_scope(self, metrics_data: MetricsData) -> list[ScopeFamilies]:
        """The families of each scope of each resource, and of each resource's ``target_info``.

        A scope without data is there too, with no families. All together name each series once.
        """
        found = [
            scope for resource in metrics_data.resource_metrics for scope in self._scopes(resource)
        ]
        self._totals.forget_idle()
        return each_series_once(found)

    def _scopes(self, of_resource: ResourceMetrics) -> list[ScopeFamilies]:
        attributes = of_resource.resource.attributes
        labels = resource_labels(
            attributes,
            promote=self._translation.promote_resource_attributes,
            external=self._translation.external_labels,
            label_names=self._translation.label_names,
        )
        labelling = ResourceLabelling(labels, self._translation.label_names)
        origin = resource_origin(attributes)
        scopes = [self._scope(scope, origin, labelling) for scope in of_resource.scope_metrics]
        if self._translation.target_info and labels.info:
            time = max((scope.time for scope in scopes), default=0)
            described = any(scope.families for scope in scopes)
            about = [target_info(labels.info, time)] if described else []
            scopes.append(ScopeFamilies((*origin, TARGET_INFO), about, time))
        return scopes

    def _scope(
        self, of_scope: ScopeMetrics, resource: tuple[str, ...], labelling: ResourceLabelling
    ) -> ScopeFamilies:
        origin = (*resource, *scope_origin(of_scope.scope))
        families: list[Family] = []
        for metric in of_scope.metrics:
            try:
                if isinstance(metric, ScrapedMetric):
                    place = _Place(origin, labelling.scraped(metric.without), is_scraped=True)
                    families += self._scraped(metric, place)
                else:
                    families.append(self._family(metric, _Place(origin, labelling.measured)))
            except _MALFORMED as error:
                _log.warning(f"Skipped metric {metric.name!r}: {error}", metric=metric.name)
        with_series = [one for one in families if one.series]
        is_target = isinstance(of_scope.scope, TargetScope)
        return ScopeFamilies(origin, with_series, _time_of(families), is_target)

    def _family(self, metric: Metric, place: _Place) -> Family:
        kind = _type_of(metric.data)
        name = metric_name(
            metric.name,
            metric.unit or "",
            monotonic=kind is Type.COUNTER,
            gauge=isinstance(metric.data, Gauge),
        )
        if not name:
            raise ValueError("no character of its name is allowed in Prometheus")
        series = self._series(name, metric, place)
        return Family(name, kind, series, *_described(metric))

    def _scraped(self, metric: ScrapedMetric, place: _Place) -> list[Family]:
        """One family for each name that the series have; as any other where no name is known."""
        return [
            Family(
                name,
                TYPES[metric.type],
                self._series(name, part, place),
                *_described(metric),
                described_as="" if _has_many_names(part) else metric.family or metric.name,
                is_tracked=metric.is_tracked,
            )
            for name, part in parts_of(metric)
        ]

    def _series(self, name: str, metric: Metric, place: _Place) -> ColumnSeries | Sequence[Series]:
        points = metric.data.data_points
        if isinstance(points, PointColumns) and not points:
            return ColumnSeries((), points)  # nothing to label, but a time
        if isinstance(points, PointColumns) and not _is_delta(metric.data):
            columns = place.labelling.columns.series(name, points)
            if columns is not None:
                return columns
        return self._rows(name, metric, place)

    def _rows(self, name: str, metric: Metric, place: _Place) -> list[Series]:
        series: list[Series] = []
        errors: list[Exception] = []
        for point in metric.data.data_points:
            try:
                series += self._row(name, metric.data, point, place)
            except _MALFORMED as error:
                errors.append(error)
        if errors:
            _log.warning(
                f"Skipped {len(errors)} data points of metric {metric.name!r}: {errors[0]}",
                metric=metric.name,
                points=len(errors),
            )
        return series

    def _row(self, name: str, data: DataT, point: Any, place: _Place) -> list[Series]:
        labels = place.labelling.of(point.attributes)
        if _is_delta(data):
            point = self._totals.add((place.origin, sorted_labels(name, labels)), point)
        if isinstance(point, SummaryDataPoint):
            return list(summary_series(name, labels, point))
        if not isinstance(point, NumberDataPoint):
            return list(histogram_series(name, labels, point))
        sample = Sample(point.time_unix_nano // 1_000_000, float(point.value))
        has_traces = place.is_scraped or _type_of(data) is Type.COUNTER
        exemplars = series_exemplars(point.exemplars) if has_traces else ()
        start = (point.start_time_unix_nano or 0) // 1_000_000
        return [Series(sorted_labels(name, labels), (sample,), exemplars, start)]


def _time_of(families: Sequence[Family]) -> int:
    """When a scope's data was taken: not what a target says of single series."""
    times = [one.newest for one in families if one.is_tracked]
    return max(times or [one.newest for one in families], default=0)


def _described(metric: Metric) -> tuple[str, str]:
    return valid_text(metric.description or ""), valid_text(metric.unit or "")


def _has_many_names(metric: Metric) -> bool:
    return _type_of(metric.data) in SUFFIXES


def _type_of(data: Any) -> Type:
    match data:
        case Gauge():
            return Type.GAUGE
        case Sum():
            return Type.COUNTER if data.is_monotonic else Type.GAUGE
        case Histogram() | ExponentialHistogram():
            return Type.HISTOGRAM
        case Summary():
            return Type.SUMMARY
    raise ValueError(f"data of type {type(data).__name__} has no counterpart in Prometheus")


def _is_delta(data: DataT) -> bool:
    return getattr(data, "aggregation_temporality", None) == AggregationTemporality.DELTA
