"""Everything of a batch: a block of lines for each resource, scope, metric and point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    DataPointT,
    DataT,
    ExponentialHistogramDataPoint,
    Gauge,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)

from otel_kubecost.exporters.debug.values import block, joined, number, time
from otel_kubecost.pdata import Summary, SummaryDataPoint, metadata_of

AnyPoint: TypeAlias = DataPointT | SummaryDataPoint


def in_full(data: MetricsData) -> Iterator[str]:
    """Blocks, as of the Collector's ``detailed``; one point at a time."""
    for at, of_resource in enumerate(data.resource_metrics):
        yield _block(_resource(at, of_resource))
        for index, of_scope in enumerate(of_resource.scope_metrics):
            yield _block(_scope(index, of_scope))
            for place, metric in enumerate(of_scope.metrics):
                yield _block(_metric(place, metric))
                points: Iterable[AnyPoint] = metric.data.data_points
                for row, point in enumerate(points):
                    yield _block(_point(row, point))


def _block(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _resource(at: int, of_resource: ResourceMetrics) -> Iterator[str]:
    yield f"ResourceMetrics #{at}"
    yield joined(["Resource SchemaURL:", of_resource.schema_url])
    yield from block("Resource attributes", of_resource.resource.attributes)


def _scope(at: int, of_scope: ScopeMetrics) -> Iterator[str]:
    scope = of_scope.scope
    yield f"ScopeMetrics #{at}"
    yield joined(["ScopeMetrics SchemaURL:", of_scope.schema_url])
    yield joined(["InstrumentationScope", scope.name, scope.version or ""])
    yield from block("InstrumentationScope attributes", scope.attributes)


def _metric(at: int, metric: Metric) -> Iterator[str]:
    yield f"Metric #{at}"
    yield "Descriptor:"
    yield f"     -> Name: {metric.name}"
    yield joined(["     -> Description:", metric.description or ""])
    yield joined(["     -> Unit:", metric.unit or ""])
    yield f"     -> DataType: {type(metric.data).__name__}"
    yield from _said_of_points(metric.data)
    yield from block("Metadata", metadata_of(metric))


def _said_of_points(data: DataT | Summary) -> Iterator[str]:
    if isinstance(data, Sum):
        yield f"     -> IsMonotonic: {str(data.is_monotonic).lower()}"
    if not isinstance(data, Gauge | Summary):
        temporality = data.aggregation_temporality.name.capitalize()
        yield f"     -> AggregationTemporality: {temporality}"


def _point(at: int, point: AnyPoint) -> Iterator[str]:
    yield f"{type(point).__name__}s #{at}"
    yield from block("Data point attributes", point.attributes)
    yield f"StartTimestamp: {time(point.start_time_unix_nano)}"
    yield f"Timestamp: {time(point.time_unix_nano)}"
    yield from _measured(point)
    if not isinstance(point, SummaryDataPoint):
        for index, exemplar in enumerate(point.exemplars):
            yield from _exemplar(index, exemplar)


def _measured(
    point: AnyPoint,
) -> Iterator[str]:
    match point:
        case NumberDataPoint():
            yield f"Value: {number(point.value)}"
        case HistogramDataPoint():
            yield from _observed(point)
            yield from _explicit(point)
        case ExponentialHistogramDataPoint():
            yield from _observed(point)
            yield from _exponential(point)
        case SummaryDataPoint():
            yield f"Count: {point.count}"
            yield f"Sum: {number(point.sum or 0)}"
            yield from _quantiles(point)


def _quantiles(point: SummaryDataPoint) -> Iterator[str]:
    for at, one in enumerate(point.quantile_values):
        yield f"QuantileValue #{at}: Quantile {number(one.quantile)}, Value {number(one.value)}"


def _observed(point: HistogramDataPoint | ExponentialHistogramDataPoint) -> Iterator[str]:
    yield f"Count: {point.count}"
    for name, value in (("Sum", point.sum), ("Min", point.min), ("Max", point.max)):
        if value is not None:
            yield f"{name}: {number(value)}"


def _explicit(point: HistogramDataPoint) -> Iterator[str]:
    for at, bound in enumerate(point.explicit_bounds):
        yield f"ExplicitBounds #{at}: {number(bound)}"
    for at, count in enumerate(point.bucket_counts):
        yield f"Buckets #{at}, Count: {count}"


def _exponential(point: ExponentialHistogramDataPoint) -> Iterator[str]:
    """By their index: bucket ``i`` is of values from ``base**i`` to ``base**(i+1)``."""
    yield f"Scale: {point.scale}"
    yield f"ZeroCount: {point.zero_count}"
    for side, buckets in (("Positive", point.positive), ("Negative", point.negative)):
        for index, count in enumerate(buckets.bucket_counts, buckets.offset):
            yield f"{side} bucket {index}, Count: {count}"


def _exemplar(at: int, exemplar: Exemplar) -> Iterator[str]:
    yield f"Exemplar #{at}"
    if exemplar.trace_id is not None:
        yield f"     -> Trace ID: {exemplar.trace_id:032x}"
    if exemplar.span_id is not None:
        yield f"     -> Span ID: {exemplar.span_id:016x}"
    yield f"     -> Timestamp: {time(exemplar.time_unix_nano)}"
    yield f"     -> Value: {number(exemplar.value)}"
    yield from block("FilteredAttributes", exemplar.filtered_attributes)
