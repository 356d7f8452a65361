"""The attributes of columns as one dict, and back to a table with what is constant beside it. Pure.

    k8s.namespace.name   a column      ─▶  the attributes of each point, key by key; so what changes
    k8s.pod.name         a column          those of one point can change those of all at once
    currency             "USD"

Points may have the same attributes when some are gone::

    row    k8s.namespace.name  k8s.pod.name        into   new row   k8s.namespace.name
    0      default             web-1               0      0         default
    1      default             web-2               0      1         shop
    2      shop                db-0                1
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple, TypeAlias

from otel_kubecost.pdata import AttributeTable, PointColumns, StringColumn

ColumnAttributes: TypeAlias = dict[str, str | StringColumn]
"""By key a column, or what all rows have."""


class Arrangement(NamedTuple):
    """A table whose rows are distinct."""

    table: AttributeTable
    into: Sequence[int] | None = None
    """For each row that there was the one that it became; None where they are the same rows."""


def column_attributes(points: PointColumns) -> ColumnAttributes:
    return {**dict(zip(points.table.keys, points.table.columns, strict=True)), **points.constant}


def columns_in(attributes: ColumnAttributes) -> dict[str, StringColumn]:
    return {key: value for key, value in attributes.items() if isinstance(value, StringColumn)}


def constants_in(attributes: ColumnAttributes) -> dict[str, str]:
    return {key: value for key, value in attributes.items() if isinstance(value, str)}


def arranged(
    columns: Mapping[str, StringColumn], size: int, *, is_sparse: bool = False
) -> Arrangement:
    """``columns`` of ``size`` rows, in which rows may be the same, as a table."""
    numbers: dict[tuple[str, ...], int] = {}
    into = array("I", (numbers.setdefault(row, len(numbers)) for row in _rows(columns, size)))
    if len(numbers) == size:
        return Arrangement(table_of(columns, size, is_sparse=is_sparse))
    distinct = [StringColumn.of(texts) for texts in zip(*numbers, strict=True)]
    fewer = dict(zip(columns, distinct, strict=False))
    return Arrangement(table_of(fewer, len(numbers), is_sparse=is_sparse), into)


def table_of(
    columns: Mapping[str, StringColumn], size: int, *, is_sparse: bool = False
) -> AttributeTable:
    return AttributeTable(tuple(columns), tuple(columns.values()), size, is_sparse=is_sparse)


def _rows(columns: Mapping[str, StringColumn], size: int) -> Iterator[tuple[str, ...]]:
    if not columns:
        return repeat((), size)
    return zip(*(column.strings_at(range(size)) for column in columns.values()), strict=True)
