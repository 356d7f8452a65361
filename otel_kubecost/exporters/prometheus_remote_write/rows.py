"""In what order series go into a request, and where one is cut in two: the same in both codecs.

The families of one table go row by row, a pod's series side by side: what they have in common is
then close together, for snappy as for whoever caches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from otel_kubecost.exporters.series.model import ColumnSeries, Family
from otel_kubecost.pdata import StringColumn


def by_rows(families: Iterable[Family]) -> Iterator[list[Family]]:
    """Neighbouring families over the same rows of one table together; those without one, too.

    Together are those that differ in constant labels before the first from a column, and in
    values, and in nothing else: each has a value in every row. So no row has a hole, and a family
    that lacks a value somewhere goes after those that do not.
    """
    for table, neighbours in groupby(families, key=_table_of):
        if table:
            yield from _alike(neighbours)
        else:
            yield list(neighbours)


def row_labels(series: ColumnSeries) -> Sequence[tuple[str, str | StringColumn]]:
    """The labels from the first one on that is not the same in every row."""
    for at, (_, value) in enumerate(series.labels):
        if not isinstance(value, str):
            return series.labels[at:]
    return ()


def _table_of(family: Family) -> int:
    return id(family.series.points.table) if isinstance(family.series, ColumnSeries) else 0


def _alike(families: Iterable[Family]) -> list[list[Family]]:
    """In the order in which the first of each group comes."""
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
    return series.points.rows, series.timestamp, row_labels(series)
