"""Batches: ``MetricsData`` made, walked and made anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.attributes import DESCRIPTIVE
from otel_kubecost.pdata.columns import PointColumns
from otel_kubecost.pdata.parts import Parts


def gauge(name: str, description: str, unit: str, points: Sequence[NumberDataPoint]) -> Metric:
    return Metric(name=name, description=description, unit=unit, data=Gauge(data_points=points))


def metrics_of(
    resource: Mapping[str, str], scopes: Iterable[tuple[InstrumentationScope, Sequence[Metric]]]
) -> ResourceMetrics:
    """One resource with its scopes. The resource has these attributes alone.

    ``Resource.create`` would add ``service.instance.id`` and ``telemetry.sdk.*``: with them a
    restart of the process would be a new set of series.
    """
    return ResourceMetrics(
        resource=Resource(dict(resource)),
        scope_metrics=[
            ScopeMetrics(scope=scope, metrics=list(metrics), schema_url="")
            for scope, metrics in scopes
        ],
        schema_url="",
    )


def map_scopes(
    data: MetricsData, change: Callable[[Resource, Sequence[Metric]], Sequence[Metric]]
) -> MetricsData:
    """A copy in which each scope's metrics are what ``change`` makes of them.

    A scope left without metrics stays: an empty scope says that its series are gone.
    """
    return MetricsData(
        resource_metrics=[
            ResourceMetrics(
                resource=of_resource.resource,
                scope_metrics=[
                    ScopeMetrics(
                        scope=of_scope.scope,
                        metrics=list(change(of_resource.resource, of_scope.metrics)),
                        schema_url=of_scope.schema_url,
                    )
                    for of_scope in of_resource.scope_metrics
                ],
                schema_url=of_resource.schema_url,
            )
            for of_resource in data.resource_metrics
        ]
    )


def each_scope(data: MetricsData) -> Iterator[tuple[ResourceMetrics, ScopeMetrics]]:
    for of_resource in data.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            yield of_resource, of_scope


def each_metric(data: MetricsData) -> Iterator[tuple[ResourceMetrics, ScopeMetrics, Metric]]:
    for of_resource, of_scope in each_scope(data):
        for metric in of_scope.metrics:
            yield of_resource, of_scope, metric


def count_points(data: MetricsData) -> int:
    return sum(len(metric.data.data_points) for _, _, metric in each_metric(data))


def nanoseconds(seconds: float) -> int:
    """A time in the SDK's unit, exact to the millisecond."""
    return round(seconds * 1000) * 1_000_000


def restamp(data: MetricsData, seconds: float) -> MetricsData:
    """``data`` with all columns at ``seconds`` since the epoch; what is in them is shared."""
    return stamped(data, nanoseconds(seconds))


def stamped(data: MetricsData, time_unix_nano: int) -> MetricsData:
    """As ``restamp``, in nanoseconds."""
    return _map_columns(data, lambda points: points.at(time_unix_nano))


def time_if_restamped(new: MetricsData, old: MetricsData) -> int | None:
    """The time in nanoseconds at which ``new`` is ``old`` again; None if more than that differs.

    Columns are compared by identity, so a batch of any size takes a few steps a metric. Data that
    is not columns throughout, or not all of one time, is never the same; nor are points with
    details, which no other time would leave as they are.
    """
    if _headings(new) != _headings(old):
        return None
    times = set()
    for (_, _, metric), (_, _, before) in zip(each_metric(new), each_metric(old), strict=True):
        points, known = _columns(metric), _columns(before)
        if points is None or known is None or points.details or not points.shares(known):
            return None
        times.add(points.time_unix_nano)
    return times.pop() if len(times) == 1 else None


def _headings(data: MetricsData) -> MetricsData:
    """``data`` but for the points."""
    return map_scopes(data, lambda _, metrics: [_with_points(one, ()) for one in metrics])


def _with_points(metric: Metric, points: Sequence[Any]) -> Metric:
    return replace(metric, data=replace(metric.data, data_points=points))  # type: ignore[arg-type]


def emptied(data: MetricsData) -> MetricsData:
    """``data`` with no points left: what says to an exporter that all its series have ended."""
    return _map_columns(data, lambda points: points.select(()))


def with_ended(new: MetricsData, old: MetricsData) -> MetricsData:
    """``new`` and, emptied, the resources of ``old`` that had points and are not in ``new``."""
    present = {_identity(of_resource) for of_resource in new.resource_metrics}
    gone = [
        of_resource
        for of_resource in old.resource_metrics
        if _identity(of_resource) not in present and count_points(MetricsData([of_resource]))
    ]
    ended = emptied(MetricsData(gone)).resource_metrics
    return MetricsData([*new.resource_metrics, *ended])


def _identity(of_resource: ResourceMetrics) -> Resource:
    attributes = of_resource.resource.attributes
    return Resource({key: value for key, value in attributes.items() if key not in DESCRIPTIVE})


def _map_columns(data: MetricsData, change: Callable[[PointColumns], PointColumns]) -> MetricsData:
    """A copy with all columns changed, also those of parts; what is a list stays as it is."""

    def of_metric(metric: Metric) -> Metric:
        points = metric.data.data_points
        if isinstance(points, Parts):
            return _with_points(metric, points.map(change))
        return _with_points(metric, change(points)) if isinstance(points, PointColumns) else metric

    return map_scopes(data, lambda _, metrics: [of_metric(metric) for metric in metrics])


def _columns(metric: Metric) -> PointColumns | None:
    points = metric.data.data_points
    return points if isinstance(points, PointColumns) else None
