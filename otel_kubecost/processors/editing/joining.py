"""Metrics that came to have one name: their points side by side, in one metric.

Two metrics of one name in a scope are what no consumer expects: who looks one up by its name, as
``cardinality_limit`` does, would find one of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import chain, repeat
from typing import Any

from opentelemetry.sdk.metrics.export import Metric

from otel_kubecost.pdata import AttributeTable, PointColumns, StringColumn
from otel_kubecost.processors.editing.arrangement import (
    arranged,
    column_attributes,
)
from otel_kubecost.processors.editing.folding import Folded, folded_columns, folded_points


def kind_of(metric: Metric) -> Hashable:
    """What two metrics have to have in common to be one; their name is not part of it."""
    return metric.unit or "", replace(metric.data, data_points=())  # type: ignore[arg-type]


def joined(metrics: Sequence[Metric]) -> Folded:
    """The points of ``metrics``, which are of one kind; those of one series as ``folding`` says."""
    data = metrics[0].data
    every = [metric.data.data_points for metric in metrics]
    parts = [points for points in every if len(points)] or every[:1]
    if len(parts) == 1:
        return Folded(parts[0])
    columns = [points for points in parts if isinstance(points, PointColumns)]
    if len(columns) == len(parts) and len({_shape(points) for points in columns}) == 1:
        one_below_the_other = _chained(columns)
        table = one_below_the_other.table
        distinct = arranged(dict(zip(table.keys, table.columns, strict=True)), len(table))
        return folded_columns(data, one_below_the_other, distinct, one_below_the_other.constant)
    points: list[Any] = list(chain.from_iterable(parts))
    return folded_points(data, points, points)


def _shape(points: PointColumns) -> Hashable:
    keys = frozenset(column_attributes(points))
    return keys, points.time_unix_nano, points.start_time_unix_nano


def _chained(parts: Sequence[PointColumns]) -> PointColumns:
    """Points of one shape as columns, of which rows may be the same still."""
    attributes = [column_attributes(points) for points in parts]
    constant = {
        key: value
        for key, value in attributes[0].items()
        if isinstance(value, str) and all(of[key] == value for of in attributes)
    }
    keys = [key for key in attributes[0] if key not in constant]
    columns = [
        StringColumn.of(
            chain.from_iterable(
                _strings(of[key], points) for of, points in zip(attributes, parts, strict=True)
            )
        )
        for key in keys
    ]
    values = array("d", chain.from_iterable(points.values for points in parts))
    return PointColumns(
        AttributeTable(keys, columns, len(values)),
        values,
        constant=constant,
        time_unix_nano=parts[0].time_unix_nano,
        start_time_unix_nano=parts[0].start_time_unix_nano,
    )


def _strings(value: str | StringColumn, points: PointColumns) -> Iterable[str]:
    if isinstance(value, str):
        return repeat(value, len(points))
    return value.strings_at(points.row_numbers())
