"""A batch in parts that an exporter can take at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics, ScopeMetrics

from otel_kubecost.pdata.batch import count_points, each_metric
from otel_kubecost.pdata.columns import PointColumns
from otel_kubecost.pdata.parts import Parts

MOST = 10_000
"""Points. OpenTelemetry's OTLP encoder takes 2.2 kB for each, and its exporter drops what is larger
than 64 MiB altogether, which are 400,000 of ours."""


class _Piece(NamedTuple):
    chunk: int
    of_resource: ResourceMetrics
    of_scope: ScopeMetrics
    metric: Metric


def chunks(data: MetricsData, most: int = MOST) -> Iterator[MetricsData]:
    """``data`` in its order, in batches of ``most`` points at most; none where it has no points.

    All but the last are full. A metric that is cut keeps what it says of its points (unit,
    temporality), columns stay columns, of parts points are made once, and data that fits is passed
    on as it is.
    """
    if 0 < count_points(data) <= most:
        yield data
        return
    for _, pieces in groupby(_pieces(data, most), key=lambda piece: piece.chunk):
        yield MetricsData(list(_resources(pieces)))


def _pieces(data: MetricsData, most: int) -> Iterator[_Piece]:
    """Each metric, cut where a chunk is full."""
    passed = 0
    for of_resource, of_scope, metric in each_metric(data):
        begin, end = passed, passed + len(metric.data.data_points)
        whole = metric if begin // most == (end - 1) // most else _listed(metric)
        while passed < end:
            chunk = passed // most
            cut = min(end, (chunk + 1) * most)
            part = _part(whole, passed - begin, cut - begin)
            yield _Piece(chunk, of_resource, of_scope, part)
            passed = cut


def _listed(metric: Metric) -> Metric:
    """The metric with a list in place of parts, which make all their points for each part of it."""
    points = metric.data.data_points
    return _with_points(metric, list(points)) if isinstance(points, Parts) else metric


def _part(metric: Metric, start: int, stop: int) -> Metric:
    points = metric.data.data_points
    if stop - start == len(points):
        return metric
    columns = points if isinstance(points, PointColumns) else None
    return _with_points(
        metric, columns.select(range(start, stop)) if columns else points[start:stop]
    )


def _with_points(metric: Metric, points: Sequence[Any]) -> Metric:
    return replace(metric, data=replace(metric.data, data_points=points))  # type: ignore[arg-type]


def _resources(pieces: Iterable[_Piece]) -> Iterator[ResourceMetrics]:
    """What was one resource, or one scope, side by side is one again."""
    for _, same in groupby(pieces, key=lambda piece: id(piece.of_resource)):
        first, *others = same
        scopes = list(_scopes([first, *others]))
        yield replace(first.of_resource, scope_metrics=scopes)


def _scopes(pieces: Iterable[_Piece]) -> Iterator[ScopeMetrics]:
    for _, same in groupby(pieces, key=lambda piece: id(piece.of_scope)):
        first, *others = same
        yield replace(first.of_scope, metrics=[one.metric for one in (first, *others)])
