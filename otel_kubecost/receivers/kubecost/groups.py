"""Rows in groups: those of an object together, the objects in order. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress, count, islice, pairwise
from operator import lt, ne

from otel_kubecost.receivers.kubecost.measures import Column
from otel_kubecost.receivers.kubecost.table import Rows, RowTable


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows of a table, one group behind the other."""

    table: RowTable
    order: Sequence[int]
    """Row numbers, group by group."""
    starts: Sequence[int] | None = None
    """Where in ``order`` each group begins; None where each has one row."""
    lets_go: bool = False
    """Each measure is asked for once, and let go then: 100,000 pods have 10 MB of twelve."""

    @classmethod
    def single(cls, rows: Rows) -> Groups:
        """One group."""
        return cls(rows.table, rows.at, (0,))

    @property
    def are_single(self) -> bool:
        return self.starts is None

    def column(self, measure: str) -> Column:
        """``measure`` of each row, group by group; not to be changed."""
        found = self.every().column(measure)
        if self.lets_go and self.are_single:  # else one measure weighs another
            del self.table.measures[measure]
        return found

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

    Kubecost's answers are nearly in that order, which costs little to find out. No list of the
    names of each row is made: of 100,000 pods it would weigh as much as all their costs.
    """
    names = list(map(rows.names, positions))
    if all(map(lt, zip(*names, strict=True), islice(zip(*names, strict=True), 1, None))):
        return Groups(rows.table, rows.at)
    order = _ordered(rows.at, [rows.table.names[position] for position in positions])
    ordered = Rows(rows.table, order)
    changes = [map(ne, own, islice(own, 1, None)) for own in map(ordered.names, positions)]
    starts = array("I", [0, *compress(count(1), map(any, zip(*changes, strict=True)))])
    return Groups(rows.table, order, starts if len(starts) < len(order) else None)


def _ordered(rows: Sequence[int], columns: Sequence[Sequence[str]]) -> array[int]:
    """``rows`` by their names in ``columns``, which have all rows; equal ones stay as they are."""
    first, *others = columns
    if not others:
        return array("I", sorted(rows, key=first.__getitem__))
    parts = {name: array("I") for name in sorted(set(map(first.__getitem__, rows)))}
    for row in rows:
        parts[first[row]].append(row)
    return array("I", chain.from_iterable(_ordered(part, others) for part in parts.values()))
