"""Which series of a batch the next one does not have; columns are compared as columns.

    before  shop  shop  tools        now  shop  tools  tools        missing  (shop, b)
            a     b     c                 a     c      d

Rows are tuples of strings that the tables have anyway. Both sides are walked through together, and
what has come on both is forgotten at once. Tables are in one order mostly: 100,000 pods take a
tenth of a second then and 2 MiB, and only what is far out of order takes more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import compress, repeat
from operator import attrgetter
from typing import TypeAlias

from otel_kubecost.exporters.series.model import ColumnSeries, Family, Series
from otel_kubecost.pdata import StringColumn

_Rows: TypeAlias = Sequence[int] | None
_Key: TypeAlias = tuple[str, ...]

_AT_ONCE = 1024
"""Rows of each side that are looked at together; more fit the processor's cache less."""


class Comparison:
    """Of one batch with the one before it.

    The metrics of one level share a table, so what is missing in it is sought once for all of
    them that have the same rows of it.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], list[tuple[_Rows, _Rows, list[int]]]] = {}

    def missing(self, before: Family, now: Family | None) -> ColumnSeries | Sequence[Series]:
        """The series of ``before`` that ``now`` does not have; columns where it has columns."""
        old = before.series
        if isinstance(old, ColumnSeries):
            if now is None or are_apart(before, now):
                return old
            if isinstance(now.series, ColumnSeries) and old.shape == now.series.shape:
                return ColumnSeries(old.labels, old.points.select(self._places(old, now.series)))
        kept = set() if now is None else {series.labels for series in now.series}
        gone = [series for series in old if series.labels not in kept]
        return sorted(gone, key=attrgetter("labels"))

    def _places(self, old: ColumnSeries, new: ColumnSeries) -> list[int]:
        # All that is compared existed before the comparison, so ids tell the columns apart.
        key = tuple(map(id, (old.points.table, new.points.table, *_columns(old), *_columns(new))))
        compared = self._known.setdefault(key, [])
        for old_rows, new_rows, places in compared:
            if old_rows == old.points.rows and new_rows == new.points.rows:
                return places
        places = [] if _are_equal(old, new) else _missing_places(old, new)
        compared.append((old.points.rows, new.points.rows, places))
        return places


def are_apart(one: Family, other: Family) -> bool:
    """Whether all rows of the one have a label in common that is another in those of the other."""
    if not (isinstance(one.series, ColumnSeries) and isinstance(other.series, ColumnSeries)):
        return False
    here, there = dict(one.series.shape), dict(other.series.shape)
    return any(
        value and there.get(name, value) not in {None, value} for name, value in here.items()
    )


def _are_equal(old: ColumnSeries, new: ColumnSeries) -> bool:
    """Whether both have the same rows in the same order; all other labels are the same."""
    return old.points.rows == new.points.rows and (
        old.points.table is new.points.table
        or (
            len(old) == len(new)
            and all(
                one.codes == other.codes and one.values == other.values
                for one, other in zip(_columns(old), _columns(new), strict=True)
            )
        )
    )


def _missing_places(old: ColumnSeries, new: ColumnSeries) -> list[int]:
    """Which points of ``old`` have the labels of none of ``new``; all other labels are the same."""
    rows, new_rows = old.points.row_numbers(), new.points.row_numbers()
    gone: set[_Key] = set()
    come: set[_Key] = set()
    for start in range(0, max(len(rows), len(new_rows)), _AT_ONCE):
        gone.update(_keys(old, rows[start : start + _AT_ONCE]))
        come.update(_keys(new, new_rows[start : start + _AT_ONCE]))
        both = gone & come
        gone -= both
        come -= both
    places = range(len(rows))
    return [*compress(places, map(gone.__contains__, _keys(old, rows)))] if gone else []


def _keys(series: ColumnSeries, rows: Sequence[int]) -> Iterator[_Key]:
    """What tells rows apart; where there is no column, nothing does."""
    columns = [column.strings_at(rows) for column in _columns(series)]
    return zip(*columns) if columns else repeat((), len(rows))  # noqa: B905  equally long


def _columns(series: ColumnSeries) -> list[StringColumn]:
    return [value for _, value in series.labels if not isinstance(value, str)]
