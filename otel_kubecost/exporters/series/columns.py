"""Columns of points to columns of series, without a point or a series being built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter

from otel_kubecost.exporters.series.labels import NAME, label_text, translated_name, valid_text
from otel_kubecost.exporters.series.model import ColumnSeries
from otel_kubecost.pdata import PointColumns, StringColumn


def column_series(
    family: str,
    points: PointColumns,
    inherited: Mapping[str, str],
    label_names: Mapping[str, str],
) -> ColumnSeries | None:
    """The series of ``points``, or None where a column cannot be a label just as it is.

    ``inherited`` are the labels of the resource; a point's own of the same name win.
    """
    keys = (*points.table.keys, *points.constant)
    names = [translated_name(key, label_names) for key in keys]
    if not all(names) or len(set(names)) < len(names):
        return None
    columns = dict(zip(names, points.table.columns, strict=False))
    if not all(_fits(column.values, name in inherited) for name, column in columns.items()):
        return None
    constants = zip(names[len(columns) :], map(label_text, points.constant.values()), strict=True)
    labels: dict[str, str | StringColumn] = {
        **inherited,
        **{name: text for name, text in constants if text},
        **columns,
        NAME: family,
    }
    return ColumnSeries(sorted(labels.items(), key=itemgetter(0)), points)


def _fits(values: Sequence[str], inherited: bool) -> bool:
    """Whether each value is valid, and none gives way to an inherited one by being empty.

    Values made valid, or filled in, may become equal: the rows would no longer be distinct.
    """
    text = "".join(values)
    return valid_text(text) == text and not (inherited and "" in values)
