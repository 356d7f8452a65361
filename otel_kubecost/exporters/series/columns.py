"""Columns of points to columns of series, without a point or a series being built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import TypeAlias

from otel_kubecost.exporters.series.labels import NAME, label_text, translated_name, valid_text
from otel_kubecost.exporters.series.model import ColumnSeries
from otel_kubecost.pdata import AttributeTable, PointColumns, StringColumn

_Labels: TypeAlias = dict[str, str | StringColumn]

_AT_ONCE = 4096
"""Strings that are looked at as one."""


class ResourceColumns:
    """The columns of one resource's points as labels.

    Most metrics share a table and what is constant beside it, and then all labels but their name:
    those are made once, so that no row is looked at for each metric.
    """

    def __init__(self, inherited: Mapping[str, str], label_names: Mapping[str, str]) -> None:
        """``inherited`` are the labels of the resource; a point's own of the same name win."""
        self._inherited = inherited
        self._label_names = label_names
        self._known: dict[tuple[AttributeTable, tuple[tuple[str, str], ...]], _Labels | None] = {}

    def series(self, family: str, points: PointColumns) -> ColumnSeries | None:
        """The series of ``points``, or None where a column cannot be a label just as it is."""
        key = points.table, tuple(points.constant.items())
        if key not in self._known:
            self._known[key] = self._labels(points)
        labels = self._known[key]
        if labels is None:
            return None
        return ColumnSeries(sorted({**labels, NAME: family}.items(), key=itemgetter(0)), points)

    def _labels(self, points: PointColumns) -> _Labels | None:
        keys = (*points.table.keys, *points.constant)
        names = [translated_name(key, self._label_names) for key in keys]
        if not all(names) or len(set(names)) < len(names):
            return None
        columns = dict(zip(names, points.table.columns, strict=False))
        inherited = self._inherited
        if not all(_fits(column.values, name in inherited) for name, column in columns.items()):
            return None
        constants = zip(
            names[len(columns) :], map(label_text, points.constant.values()), strict=True
        )
        return {**inherited, **{name: text for name, text in constants if text}, **columns}


def _fits(values: Sequence[str], inherited: bool) -> bool:
    """Whether each value is valid, and none gives way to an inherited one by being empty.

    Values made valid, or filled in, may become equal: the rows would no longer be distinct.
    """
    parts = ("".join(values[at : at + _AT_ONCE]) for at in range(0, len(values), _AT_ONCE))
    return all(valid_text(text) == text for text in parts) and not (inherited and "" in values)
