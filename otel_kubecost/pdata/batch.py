"""Batches: ``MetricsData`` made, walked and made anew; nothing else knows its four levels."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

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

from otel_kubecost.pdata.columns import PointColumns

NANOSECONDS = 1_000_000_000
"""In a second."""


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


def each_metric(data: MetricsData) -> Iterator[tuple[ResourceMetrics, ScopeMetrics, Metric]]:
    for of_resource in data.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                yield of_resource, of_scope, metric


def count_points(data: MetricsData) -> int:
    return sum(len(metric.data.data_points) for _, _, metric in each_metric(data))


def nanoseconds(seconds: float) -> int:
    """A time in the SDK's unit, exact to the millisecond."""
    return round(seconds * 1000) * 1_000_000


def restamp(data: MetricsData, seconds: float) -> MetricsData:
    """``data`` with every gauge's columns at ``seconds`` since the epoch; columns are shared."""
    time_unix_nano = nanoseconds(seconds)
    return map_columns(data, lambda points: points.at(time_unix_nano))


def emptied(data: MetricsData) -> MetricsData:
    """``data`` with no points left: what says to an exporter that all its series have ended."""
    return map_columns(
        data,
        lambda points: PointColumns(points.table.take(()), array("d"), constant=points.constant),
    )


def with_ended(new: MetricsData, old: MetricsData) -> MetricsData:
    """``new`` and, emptied, the resources of ``old`` that had points and are not in ``new``."""
    present = {of_resource.resource for of_resource in new.resource_metrics}
    gone = [
        of_resource
        for of_resource in old.resource_metrics
        if of_resource.resource not in present and count_points(MetricsData([of_resource]))
    ]
    ended = emptied(MetricsData(gone)).resource_metrics
    return MetricsData([*new.resource_metrics, *ended])


def map_columns(data: MetricsData, change: Callable[[PointColumns], PointColumns]) -> MetricsData:
    """A copy with each gauge's columns changed; other metrics stay as they are."""

    def of_metric(metric: Metric) -> Metric:
        points = metric.data.data_points if isinstance(metric.data, Gauge) else None
        if not isinstance(points, PointColumns):
            return metric
        return gauge(metric.name, metric.description or "", metric.unit or "", change(points))

    return map_scopes(data, lambda _, metrics: [of_metric(metric) for metric in metrics])
