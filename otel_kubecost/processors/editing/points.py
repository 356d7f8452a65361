"""Other attributes for the points of metrics, as columns where they are columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from opentelemetry.sdk.metrics.export import Metric

from otel_kubecost.pdata import AttributeTable, PointColumns, StringColumn
from otel_kubecost.processors.editing.arrangement import (
    Arrangement,
    arranged,
    column_attributes,
    columns_in,
    constants_in,
)
from otel_kubecost.processors.editing.folding import Folded, folded_columns, folded_points

Edit: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Attributes of a point, or of columns, to others; it leaves those it got unchanged."""


def with_points(metric: Metric, points: Sequence[Any]) -> Metric:
    return replace(metric, data=replace(metric.data, data_points=points))  # type: ignore[arg-type]


def left_of(metric: Metric, folded: Folded) -> Metric | None:
    """``metric`` with the points that are left; None where nothing is left of those it had."""
    return None if folded.lost and not folded.points else with_points(metric, folded.points)


class PointEditor:
    """Edits the metrics of one batch; tables that were one are one afterwards."""

    def __init__(self, edit: Edit) -> None:
        self._edit = edit
        self._tables: dict[tuple[AttributeTable, tuple[tuple[str, StringColumn], ...]],
                           Arrangement] = {}  # fmt: skip
        self.lost: set[str] = set()
        """The names of metrics of which series are left out, as ``folding`` says."""

    def metric(self, metric: Metric) -> Metric | None:
        """None where no point is left; the metric itself where nothing changes."""
        points = metric.data.data_points
        edited = (
            self._columns(metric.data, points)
            if isinstance(points, PointColumns)
            else self._points(metric.data, points)
        )
        if edited is None:
            return metric
        if edited.lost:
            self.lost.add(metric.name)
        return left_of(metric, edited)

    def _columns(self, data: object, points: PointColumns) -> Folded | None:
        before = column_attributes(points)
        after = self._edit(before)
        if after == before:
            return None
        arrangement = self._arranged(points.table, columns_in(after))
        return folded_columns(data, points, arrangement, constants_in(after))

    def _arranged(self, table: AttributeTable, columns: dict[str, StringColumn]) -> Arrangement:
        key = table, tuple(columns.items())
        if key not in self._tables:
            self._tables[key] = _arranged(table, columns)
        return self._tables[key]

    def _points(self, data: object, points: Sequence[Any]) -> Folded | None:
        attributes = [dict(point.attributes or {}) for point in points]
        edited = [self._edit(one) for one in attributes]
        if edited == attributes:
            return None
        after = [replace(point, attributes=one) for point, one in zip(points, edited, strict=True)]
        return folded_points(data, points, after)


def _arranged(table: AttributeTable, columns: dict[str, StringColumn]) -> Arrangement:
    """Rows are the same at most where a column is missing that told them apart."""
    if columns == dict(zip(table.keys, table.columns, strict=True)):
        return Arrangement(table)
    if set(table.columns) <= set(columns.values()):
        return Arrangement(AttributeTable(tuple(columns), tuple(columns.values()), len(table)))
    return arranged(columns, len(table))
