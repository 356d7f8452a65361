"""In what order series go into a request, and where one is cut in two: the same in both codecs.

The families of one table go row by row, a pod's series side by side: what they have in common is
then close together, for snappy as for whoever caches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby

from otel_kubecost.exporters.series.model import ColumnSeries, Family


def by_table(families: Iterable[Family]) -> Iterator[list[Family]]:
    """Neighbouring families over one table together; neighbours without a table, too."""
    return (list(together) for _, together in groupby(families, key=_table_of))


def _table_of(family: Family) -> int:
    return id(family.series.points.table) if isinstance(family.series, ColumnSeries) else 0


def by_row(series: ColumnSeries) -> Sequence[float | None]:
    """For each row of the table its value; None where there is none."""
    points = series.points
    if points.rows is None:
        return points.values
    cells: list[float | None] = [None] * len(points.table)
    for row, value in zip(points.rows, points.values, strict=True):
        cells[row] = value
    return cells


def middle(weights: Sequence[int]) -> int:
    """Where to cut so that both sides weigh the same, or nearly; neither is empty.

    ``weights`` are two at least.
    """
    until = list(accumulate(weights))
    return min(range(1, len(weights)), key=lambda at: abs(2 * until[at - 1] - until[-1]))
