"""Batches as text, to be compared: NaN is equal to NaN, and columns to the list they stand for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from opentelemetry.sdk.metrics.export import Metric, MetricsData

from otel_kubecost.pdata import Parts, ScrapedMetric

Line: TypeAlias = tuple[str, ...]


def content(data: MetricsData) -> list[Line]:
    """A line for each resource, scope, metric and point, each with those that it is part of."""
    lines: list[Line] = []
    for of_resource in data.resource_metrics:
        resource = (attributes(of_resource.resource.attributes), of_resource.schema_url)
        lines.append(resource)
        for of_scope in of_resource.scope_metrics:
            scope = (*resource, repr(of_scope.scope), of_scope.schema_url)
            lines.append(scope)
            for metric in of_scope.metrics:
                heading = (*scope, *_heading(metric))
                lines.append(heading)
                lines += [(*heading, *_fields(point)) for point in metric.data.data_points]
                lines += [(*heading, *row) for row in _rows(metric)]
    return lines


def attributes(given: Mapping[str, Any] | None) -> str:
    """Whatever their order."""
    return repr(sorted((given or {}).items()))


def _heading(metric: Metric) -> Line:
    kind = [repr(getattr(metric.data, name, "")) for name in _OF_DATA]
    unit, description = metric.unit or "", metric.description or ""
    return (metric.name, description, unit, type(metric.data).__name__, *kind, *_scraped(metric))


def _rows(metric: Metric) -> Iterator[Line]:
    """Of parts, which may have more than makes a point."""
    points = metric.data.data_points
    if isinstance(points, Parts):
        for suffix, part in points.by_suffix.items():
            yield from ((suffix, *_fields(point)) for point in part)


def _scraped(metric: Metric) -> Line:
    if not isinstance(metric, ScrapedMetric):
        return ()
    without = ",".join(sorted(metric.without))
    return (metric.type, metric.family, without, repr(metric.is_tracked))


_OF_DATA = ("aggregation_temporality", "is_monotonic")


def _fields(point: Any) -> Line:
    values = {one.name: getattr(point, one.name) for one in fields(point)}
    return (attributes(values.pop("attributes")), *map(repr, values.values()))
