"""Other attributes for the points of metrics, as columns where they are columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from opentelemetry.sdk.metrics.export import Metric

from otel_kubecost.pdata import AttributeTable, Parts, PointColumns, StringColumn
from otel_kubecost.processors.editing.arrangement import (
    Arrangement,
    ColumnAttributes,
    arranged,
    column_attributes,
    columns_in,
    constants_in,
    table_of,
)
from otel_kubecost.processors.editing.folding import Folded, folded_columns, folded_points
from otel_kubecost.processors.editing.gaps import edited_with_gaps, has_gaps

Edit: TypeAlias = Callable[[dict[str, Any]], dict[str, Any]]
"""Attributes of a point, or of columns, to others; it leaves those it got unchanged."""


def with_points(metric: Metric, points: Sequence[Any]) -> Metric:
    return replace(metric, data=replace(metric.data, data_points=points))  # type: ignore[arg-type]


def left_of(metric: Metric, folded: Folded[Sequence[Any]]) -> Metric | None:
    """``metric`` with the points that are left; None where nothing is left of those it had."""
    return None if folded.lost and is_empty(folded.points) else with_points(metric, folded.points)


def is_empty(points: Sequence[Any]) -> bool:
    return not size(points)


def size(points: Sequence[Any]) -> int:
    """How many points there are, of parts how many rows: they may have some that make no point."""
    return points.series if isinstance(points, Parts) else len(points)


class PointEditor:
    """Edits the metrics of one batch; tables that were one are one afterwards.

    The bounds of a histogram and the quantiles of a summary are no attributes, whatever labels
    its parts have for them.
    """

    def __init__(self, edit: Edit) -> None:
        self._edit = edit
        self._with_gaps: dict[tuple[AttributeTable, tuple[tuple[str, str], ...], str],
                              ColumnAttributes] = {}  # fmt: skip
        self._tables: dict[tuple[AttributeTable, tuple[tuple[str, StringColumn], ...]],
                           Arrangement] = {}  # fmt: skip
        self.lost: set[str] = set()
        """The names of metrics of which series are left out, as ``folding`` says."""

    def metric(self, metric: Metric) -> Metric | None:
        """None where no point is left; the metric itself where nothing changes."""
        edited = self._edited(metric.data, metric.data.data_points)
        if edited is None:
            return metric
        if edited.lost:
            self.lost.add(metric.name)
        return left_of(metric, edited)

    def _edited(self, data: object, points: Sequence[Any]) -> Folded[Sequence[Any]] | None:
        if isinstance(points, PointColumns):
            return self._columns(data, points)
        if isinstance(points, Parts):
            return self._parts(data, points)
        return self._points(data, points)

    def _parts(self, data: object, parts: Parts[Any]) -> Folded[Parts[Any]] | None:
        found = {
            suffix: self._columns(data, part, parts.own_labels.get(suffix, ""))
            for suffix, part in parts.by_suffix.items()
        }
        changed = {suffix: one for suffix, one in found.items() if one is not None}
        if not changed:
            return None
        columns = {suffix: one.points for suffix, one in changed.items()}
        lost = max(one.lost for one in changed.values())
        return Folded(type(parts)(parts.by_suffix | columns), lost)

    def _columns(
        self, data: object, points: PointColumns, own: str = ""
    ) -> Folded[PointColumns] | None:
        before = column_attributes(points)
        kept = {own: before.pop(own)} if own in before else {}
        edited = self._attributes(before, points, own)
        after = {key: value for key, value in edited.items() if key != own}
        if after == before:
            return None
        arrangement = self._arranged(points.table, columns_in({**after, **kept}))
        return folded_columns(data, points, arrangement, constants_in({**after, **kept}))

    def _attributes(
        self, before: ColumnAttributes, points: PointColumns, own: str
    ) -> ColumnAttributes:
        """What ``before`` becomes, the attributes of ``points`` without ``own``."""
        table = points.table
        if not has_gaps(table):
            return self._edit(before)
        key = table, tuple(points.constant.items()), own
        if key not in self._with_gaps:
            self._with_gaps[key] = edited_with_gaps(before, len(table), self._edit)
        return self._with_gaps[key]

    def _arranged(self, table: AttributeTable, columns: dict[str, StringColumn]) -> Arrangement:
        key = table, tuple(columns.items())
        if key not in self._tables:
            self._tables[key] = _arranged(table, columns)
        return self._tables[key]

    def _points(self, data: object, points: Sequence[Any]) -> Folded[Sequence[Any]] | None:
        attributes = [dict(point.attributes or {}) for point in points]
        edited = [self._edit(one) for one in attributes]
        if edited == attributes:
            return None
        after = [replace(point, attributes=one) for point, one in zip(points, edited, strict=True)]
        return folded_points(data, points, after)


def _arranged(table: AttributeTable, columns: dict[str, StringColumn]) -> Arrangement:
    """Rows are the same at most where a column is missing that told them apart."""
    is_sparse = table.is_sparse
    if columns == dict(zip(table.keys, table.columns, strict=True)):
        return Arrangement(table)
    if set(table.columns) <= set(columns.values()):
        return Arrangement(table_of(columns, len(table), is_sparse=is_sparse))
    return arranged(columns, len(table), is_sparse=is_sparse)
