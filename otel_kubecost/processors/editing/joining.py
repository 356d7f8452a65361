"""Metrics that came to have one name: their points side by side, in one metric.

Two metrics of one name in a scope are what no consumer expects: who looks one up by its name, as
``cardinality_limit`` does, would find one of them. Those of scraped metrics are what they are: a
page may have rows of one name that are of two kinds here (``kind_of``), and these stay two metrics.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import chain, repeat
from typing import Any

from opentelemetry.sdk.metrics.export import Metric

from otel_kubecost.pdata import Parts, PointColumns, PointDetails, ScrapedMetric, StringColumn
from otel_kubecost.processors.editing.arrangement import (
    ColumnAttributes,
    arranged,
    column_attributes,
    table_of,
)
from otel_kubecost.processors.editing.folding import Folded, folded_columns, folded_points
from otel_kubecost.processors.editing.points import is_empty


def kind_of(metric: Metric) -> Hashable:
    """What two metrics have to have in common to be one; their name is not part of it."""
    data = replace(metric.data, data_points=())  # type: ignore[arg-type]
    return metric.unit or "", data, traits_of(metric)


def traits_of(metric: Metric) -> Hashable:
    """What may tell scraped metrics of one name apart: which series theirs are."""
    if not isinstance(metric, ScrapedMetric):
        return None
    return metric.type, metric.without, metric.is_tracked, metric.for_series_only


def joined(metrics: Sequence[Metric]) -> Folded[Sequence[Any]]:
    """The points of ``metrics``, which are of one kind; those of one series as ``folding`` says."""
    data = metrics[0].data
    every = [metric.data.data_points for metric in metrics]
    points = [one for one in every if not is_empty(one)] or every[:1]
    if len(points) == 1:
        return Folded(points[0])
    parts = [one for one in points if isinstance(one, Parts)]
    if len(parts) == len(points):
        return _joined_parts(data, parts)
    columns = [one for one in points if isinstance(one, PointColumns)]
    is_scraped = isinstance(metrics[0], ScrapedMetric)
    if len(columns) == len(points) and (is_scraped or len({*map(_shape, columns)}) == 1):
        return _joined_columns(data, columns)
    listed: list[Any] = list(chain.from_iterable(points))
    return folded_points(data, listed, listed)


def _joined_parts(data: object, parts: Sequence[Parts[Any]]) -> Folded[Parts[Any]]:
    suffixes = dict.fromkeys(chain.from_iterable(one.by_suffix for one in parts))
    found = {
        suffix: _joined_columns(
            data, [one.by_suffix[suffix] for one in parts if suffix in one.by_suffix]
        )
        for suffix in suffixes
    }
    columns = {suffix: one.points for suffix, one in found.items()}
    return Folded(type(parts[0])(columns), max(one.lost for one in found.values()))


def _joined_columns(data: object, columns: Sequence[PointColumns]) -> Folded[PointColumns]:
    """Rows that lack an attribute which others have make a sparse table."""
    points = _chained(columns)
    table = points.table
    by_key = dict(zip(table.keys, table.columns, strict=True))
    distinct = arranged(by_key, len(table), is_sparse=table.is_sparse)
    return folded_columns(data, points, distinct, points.constant)


def _shape(points: PointColumns) -> Hashable:
    keys = frozenset(column_attributes(points))
    times = points.time_unix_nano, points.start_time_unix_nano
    return keys, times, points.table.is_sparse, points.details is None


def _chained(parts: Sequence[PointColumns]) -> PointColumns:
    """Points one below the other, as columns of which rows may be the same still."""
    attributes = [column_attributes(points) for points in parts]
    keys = dict.fromkeys(chain.from_iterable(attributes))
    constant = {key: value for key in keys if (value := _common(key, attributes)) is not None}
    columns = {
        key: StringColumn.of(
            chain.from_iterable(
                _strings(of.get(key, ""), points)
                for of, points in zip(attributes, parts, strict=True)
            )
        )
        for key in keys
        if key not in constant
    }
    has_gaps = any(len(of) < len(keys) or points.table.is_sparse
                   for of, points in zip(attributes, parts, strict=True))  # fmt: skip
    values = array("d", chain.from_iterable(points.values for points in parts))
    time, start = parts[0].time_unix_nano, parts[0].start_time_unix_nano
    return PointColumns(
        table_of(columns, len(values), is_sparse=has_gaps),
        values,
        constant=constant,
        time_unix_nano=time,
        start_time_unix_nano=start,
        details=_details(parts, time, start),
    )


def _common(key: str, attributes: Sequence[ColumnAttributes]) -> str | None:
    """What all have as the same constant."""
    value = attributes[0].get(key)
    return (
        value if isinstance(value, str) and all(of.get(key) == value for of in attributes) else None
    )


def _strings(value: str | StringColumn, points: PointColumns) -> Iterable[str]:
    if isinstance(value, str):
        return repeat(value, len(points))
    return value.strings_at(points.row_numbers())


def _details(parts: Sequence[PointColumns], time: int, start: int) -> PointDetails | None:
    """What is to be said of single points where all have that time and start; None for nothing."""
    every = [(points, points.details or PointDetails()) for points in parts]
    times = chain.from_iterable(
        own.times or repeat(points.time_unix_nano, len(points)) for points, own in every
    )
    starts = chain.from_iterable(
        own.starts or repeat(points.start_time_unix_nano, len(points)) for points, own in every
    )
    exemplars: dict[int, Sequence[Any]] = {}
    before = 0
    for points, own in every:
        exemplars |= {before + at: some for at, some in (own.exemplars or {}).items()}
        before += len(points)
    found = PointDetails(_unlike(times, time), _unlike(starts, start), exemplars or None)
    return None if found == PointDetails() else found


def _unlike(numbers: Iterable[int], common: int) -> array[int] | None:
    """``numbers``; None where all are the common one."""
    column = array("q", numbers)
    return None if set(column) <= {common} else column
