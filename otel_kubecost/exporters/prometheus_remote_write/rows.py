"""In what order series go into a request, and where one is cut in two: the same in both codecs.

The families of one table go row by row, a pod's series side by side: what they have in common is
then close together, for snappy as for whoever caches. Of a family in chunks each goes with its
table.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from otel_kubecost.exporters.series.model import ColumnSeries, Family, Series, in_chunks
from otel_kubecost.pdata import StringColumn

_FEW = 4
"""Series for which columns are not worth what has to be made for each table."""


def by_rows(families: Iterable[Family]) -> Iterator[list[Family]]:
    """Families over the same rows of one table together; before them those without one, alone.

    Together are those that differ in constant labels before the first from a column, and in
    values, and in nothing else: each has a value in every row. So no row has a hole, and a family
    that lacks a value somewhere goes after those that do not.
    """
    tables: dict[tuple[int, int], list[Family]] = defaultdict(list)
    for family in in_chunks(families):
        if isinstance(family.series, ColumnSeries):
            tables[id(family.series.points.table), family.series.timestamp].append(family)
        else:
            yield [family]
    for same in tables.values():
        yield from _alike(same)


def columns_of(group: Iterable[Family]) -> list[ColumnSeries]:
    """Of a group of ``by_rows``; none where its series are better taken one by one."""
    columns = [one.series for one in group if isinstance(one.series, ColumnSeries)]
    return columns if columns and len(columns) * len(columns[0]) > _FEW else []


def one_by_one(group: Sequence[Family]) -> Iterator[tuple[Family, Series]]:
    """The series of a group of ``by_rows`` in their order, with their families."""
    if isinstance(group[0].series, ColumnSeries):
        for row in zip(*[family.series for family in group], strict=True):
            yield from zip(group, row, strict=True)
    else:
        for family in group:
            for series in family.series:
                yield family, series


def with_exemplars_built(families: Iterable[Family]) -> Iterator[Family]:
    """``families`` with what has an exemplar built, and apart from the columns that it was in."""
    for family in in_chunks(families):
        columns = family.series
        if not (isinstance(columns, ColumnSeries) and columns.exemplars):
            yield family
            continue
        others = [place for place in range(len(columns)) if place not in columns.exemplars]
        if others:
            yield replace(family, series=columns.select(others))
        yield replace(family, series=[*columns.select(sorted(columns.exemplars))])


def row_labels(series: ColumnSeries) -> Sequence[tuple[str, str | StringColumn]]:
    """The labels from the first one on that is not the same in every row."""
    for at, (_, value) in enumerate(series.labels):
        if not isinstance(value, str):
            return series.labels[at:]
    return ()


def _alike(families: Iterable[Family]) -> list[list[Family]]:
    """In the order in which the first of each group comes.

    Each is compared with each group: one table at one time has few. All targets may share a
    table of one row, and have it at times of their own.
    """
    groups: list[tuple[object, list[Family]]] = []
    for family in families:
        rows = _rows_of(family)
        for known, group in groups:
            if known == rows:
                group.append(family)
                break
        else:
            groups.append((rows, [family]))
    return [group for _, group in groups]


def _rows_of(family: Family) -> object:
    """Equal where rows and labels are the same; arrays are compared at the speed of memory."""
    series = family.series
    if not isinstance(series, ColumnSeries):
        return None
    times = series.timestamp if series.own_times is None else series.own_times
    return series.points.rows, times, row_labels(series)
