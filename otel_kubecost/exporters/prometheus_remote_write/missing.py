"""Which series of a batch the next one does not have; columns are compared as columns.

    before  shop  shop  tools        now  shop  tools  tools        missing  (shop, b)
            a     b     c                 a     c      d

Rows are tuples of strings that the tables have anyway. Both sides are walked through together, and
what has come on both is forgotten at once. Tables are in one order mostly: 100,000 pods take a
tenth of a second then and 2 MiB, and only what is far out of order takes more.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain, compress, islice
from operator import attrgetter
from typing import TypeAlias

from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    SomeSeries,
    series_of,
    varying,
)
from otel_kubecost.pdata import StringColumn

_Chunks: TypeAlias = Sequence[ColumnSeries]
_Tables: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
_Rows: TypeAlias = "list[array[int] | None]"
_Places: TypeAlias = list[list[int]]
"""Of each chunk."""
_Key: TypeAlias = tuple[str, ...]

_AT_ONCE = 1024
"""Rows of each side that are looked at together; more fit the processor's cache less."""


class Comparison:
    """Of one batch with the one before it.

    The metrics of one level share a table, so what is missing in it is sought once for all of
    them that have the same rows of it.
    """

    def __init__(self) -> None:
        self._known: dict[_Tables, list[tuple[_Rows, _Places]]] = {}

    def missing(self, before: Family, now: Family | None) -> SomeSeries:
        """The series of ``before`` that ``now`` does not have; columns where it has columns."""
        if before.chunks:
            if now is None or are_apart(before, now):
                return before.series
            if now.chunks:
                return self._selected(before.chunks, now.chunks)
        kept = set() if now is None else {series.labels for series in now.series}
        gone = [series for series in before.series if series.labels not in kept]
        return sorted(gone, key=attrgetter("labels"))

    def _selected(self, old: _Chunks, new: _Chunks) -> SomeSeries:
        shapes = {chunk.shape for chunk in (*old, *new)}
        # What is constant and not the same everywhere tells rows apart beside their tables.
        places = self._places(old, new) if len(shapes) == 1 else _missing_places(old, new)
        found = [
            ColumnSeries(chunk.labels, chunk.points.select(some))
            for chunk, some in zip(old, places, strict=True)
            if some
        ]
        return series_of(found) if found else ()

    def _places(self, old: _Chunks, new: _Chunks) -> _Places:
        # All that is compared existed before the comparison, so ids tell the columns apart.
        tables = _tables(old), _tables(new)
        rows = [chunk.points.rows for chunk in (*old, *new)]
        compared = self._known.setdefault(tables, [])
        for known, places in compared:
            if known == rows:
                return places
        places = [[]] * len(old) if _are_equal(old, new) else _missing_places(old, new)
        compared.append((rows, places))
        return places


def are_apart(one: Family, other: Family) -> bool:
    """Whether all rows of the one have a label in common that is another in those of the other."""
    if not (one.chunks and other.chunks):
        return False
    here, there = one.constants, other.constants
    return any(there.get(name, value) != value for name, value in here.items())


def _tables(chunks: _Chunks) -> tuple[int, ...]:
    return tuple([id(one) for chunk in chunks for one in (chunk.points.table, *_columns(chunk))])


def _are_equal(old: _Chunks, new: _Chunks) -> bool:
    """Whether both have the same rows in the same order; all other labels are the same."""
    return len(old) == len(new) and all(map(_have_equal_rows, old, new))


def _have_equal_rows(old: ColumnSeries, new: ColumnSeries) -> bool:
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


def _missing_places(old: _Chunks, new: _Chunks) -> _Places:
    """Which points of each of ``old`` have the labels of none of ``new``."""
    names = varying([*old, *new])
    olds = chain.from_iterable(chunk.values_of(names) for chunk in old)
    news = chain.from_iterable(chunk.values_of(names) for chunk in new)
    gone: set[_Key] = set()
    come: set[_Key] = set()
    for _ in range(0, max(sum(map(len, old)), sum(map(len, new))), _AT_ONCE):
        gone.update(islice(olds, _AT_ONCE))
        come.update(islice(news, _AT_ONCE))
        both = gone & come
        gone -= both
        come -= both
    if not gone:
        return [[]] * len(old)
    return [
        [*compress(range(len(chunk)), map(gone.__contains__, chunk.values_of(names)))]
        for chunk in old
    ]


def _columns(series: ColumnSeries) -> list[StringColumn]:
    return [value for _, value in series.labels if not isinstance(value, str)]
