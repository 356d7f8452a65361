"""Whether a batch is one: made of the SDK's types and of summaries, and each series in it once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import (
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import Summary, SummaryDataPoint, each_metric
from otel_kubecost.testing.contract.content import attributes
from otel_kubecost.testing.contract.rules import ONE_POINT, SHAPE

_POINTS = {
    Gauge: NumberDataPoint,
    Sum: NumberDataPoint,
    Histogram: HistogramDataPoint,
    ExponentialHistogram: ExponentialHistogramDataPoint,
    Summary: SummaryDataPoint,
}


def checked(data: Any, giver: str) -> MetricsData:
    """``data``, if it is a batch; else raises Breach. ``giver`` is what gave it, for people."""
    if found := next(_misshapen(data), ""):
        raise SHAPE.broken(f"{giver} gave {found}")
    batch: MetricsData = data
    if found := next(_repeated(batch), ""):
        raise ONE_POINT.broken(f"{giver} gave {found}")
    return batch


def _misshapen(data: Any) -> Iterator[str]:
    """What is not as it should be; lazily, as what comes later relies on what came before."""
    if not isinstance(data, MetricsData):
        yield f"{_named(data)} in place of MetricsData"
    yield from _not_all(data.resource_metrics, ResourceMetrics, "resource_metrics")
    for of_resource in data.resource_metrics:
        yield from _not_all([of_resource.resource], Resource, "resource")
        yield from _not_all(of_resource.scope_metrics, ScopeMetrics, "scope_metrics")
        for of_scope in of_resource.scope_metrics:
            yield from _not_all([of_scope.scope], InstrumentationScope, "scope")
            yield from _not_all(of_scope.metrics, Metric, "metrics")
            for metric in of_scope.metrics:
                yield from _misshapen_metric(metric)


def _misshapen_metric(metric: Metric) -> Iterator[str]:
    if not (isinstance(metric.name, str) and metric.name):
        yield f"a metric whose name is {metric.name!r}"
    yield from _not_all([metric.data], tuple(_POINTS), f"the data of {metric.name}")
    points = metric.data.data_points
    yield from _not_all(points, _POINTS[type(metric.data)], f"the points of {metric.name}")
    for point in points:
        for found in _misshapen_point(point):
            yield f"{metric.name} with {found}"


def _misshapen_point(point: Any) -> Iterator[str]:
    if not isinstance(point.time_unix_nano, int):
        yield f"the time {point.time_unix_nano!r}, which is no int"
    value = getattr(point, "value", 0)
    if not isinstance(value, int | float) or isinstance(value, bool):
        yield f"the value {value!r}, which is no number"
    for key, attribute in (point.attributes or {}).items():
        if not (isinstance(key, str) and _can_be_attribute(attribute)):
            yield f"the attribute {key!r}: {attribute!r}"


def _not_all(given: Any, types: type | tuple[type, ...], where: str) -> Iterator[str]:
    if not isinstance(given, Sequence):
        yield f"{_named(given)} for {where}, which is no sequence"
    wrong = next((one for one in given if not isinstance(one, types)), None)
    if wrong is not None:
        yield f"{_named(wrong)} among {where}"


def _can_be_attribute(value: Any) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return all(map(_can_be_attribute, value))
    return isinstance(value, str | bytes | bool | int | float | Mapping)


def _named(value: Any) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"


def _repeated(data: MetricsData) -> Iterator[str]:
    counts = Counter(
        (attributes(of_resource.resource.attributes), repr(of_scope.scope), metric.name,
         attributes(point.attributes), point.time_unix_nano)
        for of_resource, of_scope, metric in each_metric(data)
        for point in metric.data.data_points
    )  # fmt: skip
    for (_, _, name, of_point, _), count in counts.items():
        if count > 1:
            yield f"{count} points of {name} with the attributes {of_point}"
