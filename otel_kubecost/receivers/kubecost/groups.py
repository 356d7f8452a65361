"""Rows in groups: those of an object together, the objects in order. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from operator import lt, ne
from typing import Any

from otel_kubecost.receivers.kubecost.table import Rows, RowTable


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows of a table, one group behind the other."""

    table: RowTable
    order: Sequence[int]
    """Row numbers, group by group."""
    starts: Sequence[int] | None = None
    """Where in ``order`` each group begins; None where each has one row."""

    @classmethod
    def single(cls, rows: Rows) -> Groups:
        """One group."""
        return cls(rows.table, rows.at, (0,))

    @property
    def are_single(self) -> bool:
        return self.starts is None

    def every(self) -> Rows:
        """The rows of all groups."""
        return Rows(self.table, self.order)

    def firsts(self) -> Rows:
        """The first row of each group."""
        if self.starts is None:
            return self.every()
        return Rows(self.table, [self.order[start] for start in self.starts])

    def __len__(self) -> int:
        return len(self.order if self.starts is None else self.starts)

    def __iter__(self) -> Iterator[Rows]:
        return (Rows(self.table, self.order[one]) for one in self.slices())

    def slices(self) -> Iterator[slice]:
        """Where in ``order`` each group is."""
        starts = range(len(self.order)) if self.starts is None else self.starts
        return (slice(start, end) for start, end in pairwise([*starts, len(self.order)]))


def grouped(rows: Rows, positions: Sequence[int]) -> Groups:
    """``rows`` by their names in the dimensions at ``positions``, ascending by these.

    Kubecost's answers are nearly in that order, which costs next to nothing to find out.
    """
    if not rows.at:
        return Groups(rows.table, ())
    columns = list(map(rows.names, positions))
    names: list[Any] = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    if all(map(lt, names, islice(names, 1, None))):
        return Groups(rows.table, rows.at)
    places = sorted(range(len(names)), key=names.__getitem__)
    order = array("I", map(rows.at.__getitem__, places))
    names = list(map(names.__getitem__, places))
    changes = map(ne, names, islice(names, 1, None))
    starts = array("I", [0, *(at for at, changed in enumerate(changes, start=1) if changed)])
    return Groups(rows.table, order, starts if len(starts) < len(order) else None)
