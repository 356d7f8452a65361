"""A batch in short: a line for each resource, each scope and each point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from opentelemetry.sdk.metrics.export import (
    Buckets,
    DataPointT,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)

from otel_kubecost.exporters.debug.values import joined, number, pairs
from otel_kubecost.pdata import SummaryDataPoint


def in_short(data: MetricsData) -> Iterator[str]:
    """Lines, as of the Collector's ``normal``; one point at a time."""
    for at, of_resource in enumerate(data.resource_metrics):
        attributes = pairs(of_resource.resource.attributes)
        yield joined([f"ResourceMetrics #{at}", _schema(of_resource), *attributes])
        for index, of_scope in enumerate(of_resource.scope_metrics):
            yield joined([f"ScopeMetrics #{index}", *_scope(of_scope)])
            for metric in of_scope.metrics:
                for point in metric.data.data_points:
                    yield _line(metric.name, point.attributes, _measured(point))


def _schema(of: ResourceMetrics | ScopeMetrics) -> str:
    return f"[{of.schema_url}]" if of.schema_url else ""


def _scope(of_scope: ScopeMetrics) -> Iterator[str]:
    scope = of_scope.scope
    yield f"{scope.name}@{scope.version}" if scope.version else scope.name
    yield _schema(of_scope)
    yield from pairs(scope.attributes)


def _line(name: str, attributes: Mapping[str, Any] | None, measured: str) -> str:
    return f"{name}{{{','.join(pairs(attributes))}}} {measured}"


def _measured(point: DataPointT | SummaryDataPoint) -> str:
    match point:
        case NumberDataPoint():
            return number(point.value)
        case HistogramDataPoint():
            return joined([*_observed(point), *_explicit(point)])
        case ExponentialHistogramDataPoint():
            return joined([*_observed(point), *_exponential(point)])
        case SummaryDataPoint():
            counts = [f"count={point.count}", f"sum={number(point.sum or 0)}"]
            return joined([*counts, *_quantiles(point)])


def _quantiles(point: SummaryDataPoint) -> Iterable[str]:
    return (f"q{number(one.quantile)}={number(one.value)}" for one in point.quantile_values)


def _observed(point: HistogramDataPoint | ExponentialHistogramDataPoint) -> Iterator[str]:
    yield f"count={point.count}"
    for key, value in (("sum", point.sum), ("min", point.min), ("max", point.max)):
        if value is not None:
            yield f"{key}={number(value)}"


def _explicit(point: HistogramDataPoint) -> Iterable[str]:
    bounds = [f"le{number(bound)}=" for bound in point.explicit_bounds]
    named = zip([*bounds, ""], point.bucket_counts, strict=False)
    return (f"{bound}{count}" for bound, count in named)


def _exponential(point: ExponentialHistogramDataPoint) -> Iterator[str]:
    yield f"scale={point.scale}"
    yield f"zero_count={point.zero_count}"
    for side, buckets in (("positive", point.positive), ("negative", point.negative)):
        if buckets.bucket_counts:
            yield f"{side}={_numbered(buckets)}"


def _numbered(buckets: Buckets) -> str:
    """``3:7,4:0``: a bucket's index, from which its bounds follow, and its count."""
    counts = enumerate(buckets.bucket_counts, buckets.offset)
    return ",".join(f"{index}:{count}" for index, count in counts)
