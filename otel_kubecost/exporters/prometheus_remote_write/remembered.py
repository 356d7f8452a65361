"""What a scope had in its last batch, in as little memory as says which series those were.

Columns are remembered by reference, so 100,000 pods weigh what their table weighs, and 500 targets
with 300 families each what 150,000 tuples weigh. Values are not kept: in their place comes what
says that a series has ended.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from otel_kubecost.exporters.series.labels import NAME
from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    ScopeFamilies,
    Type,
    series_of,
)
from otel_kubecost.pdata import AttributeTable, PointColumns, StringColumn

(STALE_NAN,) = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))
"""The quiet NaN that means "no more"; an ordinary NaN has other bits (prometheus/model/value)."""

_USUAL_STEP = 60_000
"""Milliseconds from one batch to the next where there was but one."""


class Columns(NamedTuple):
    """A family over columns, or one chunk of it."""

    type: Type
    help: str
    unit: str
    described_as: str
    names: tuple[str, ...]
    """Of the labels but the family's name, and their values; many families of a scope share both
    tuples."""
    values: tuple[str | StringColumn, ...]
    table: AttributeTable
    rows: array[int] | None
    time: int
    """Nanoseconds since the epoch."""

    def is_like(self, other: Chunks | Columns | Family | None) -> bool:
        """Whether both have the same series, as far as can be told at once."""
        return isinstance(other, Columns) and self[:-1] == other[:-1]

    def family(self, name: str, others: Sequence[Columns] = ()) -> Family:
        """With markers for values; ``others`` are the chunks behind it."""
        series = series_of([one.series(name) for one in (self, *others)])
        return Family(name, self.type, series, self.help, self.unit, self.described_as)

    def series(self, name: str) -> ColumnSeries:
        """With markers for values."""
        labels = [*zip(self.names, self.values, strict=True), (NAME, name)]
        labels.sort(key=itemgetter(0))
        count = len(self.table) if self.rows is None else len(self.rows)
        values = array("d", [STALE_NAN]) * count
        points = PointColumns(self.table, values, rows=self.rows, time_unix_nano=self.time)
        return ColumnSeries(labels, points)


class Chunks(NamedTuple):
    """A family over the columns of several tables."""

    chunks: tuple[Columns, ...]

    def is_like(self, other: Chunks | Columns | Family | None) -> bool:
        """As that of columns."""
        return (
            isinstance(other, Chunks)
            and len(self.chunks) == len(other.chunks)
            and all(map(Columns.is_like, self.chunks, other.chunks))
        )

    def family(self, name: str) -> Family:
        """With markers for values."""
        first, *others = self.chunks
        return first.family(name, others)


_Known: TypeAlias = Columns | Chunks | Family


class Remembered:
    """The tracked families of one scope, by name."""

    __slots__ = ("_constants", "_families", "is_target", "step", "time")

    def __init__(self, scope: ScopeFamilies, before: Remembered | None = None) -> None:
        shared = _Shared()
        tracked = [one for one in scope.families if one.is_tracked]
        self._families = {family.name: shared.of(family) for family in tracked}
        self._constants = _constants(self._families.values())
        self.is_target = scope.is_target
        self.time = scope.time
        """As the scope's."""
        step = scope.time - before.time if before and before.time else 0
        self.step = step if step > 0 else _USUAL_STEP
        """How long after the batch before it the last one came, in milliseconds."""

    def families_unlike(self, other: Remembered) -> Iterator[Family]:
        """Those that may have series which their namesakes in ``other`` have not."""
        for name, one in self._families.items():
            if isinstance(one, Family):
                yield one
            elif not one.is_like(other._families.get(name)):
                yield one.family(name)

    def family(self, name: str) -> Family | None:
        found = self._families.get(name)
        return found.family(name) if isinstance(found, Columns | Chunks) else found

    def is_apart_from(self, other: Remembered) -> bool:
        """Whether all series of both have a label that is one here and another there."""
        there = other._constants
        return any(there.get(name, value) != value for name, value in self._constants.items())


class _Shared:
    """Tuples that are there once."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._values: dict[tuple[str | StringColumn, ...], tuple[str | StringColumn, ...]] = {}

    def of(self, family: Family) -> _Known:
        chunks = [self._columns(family, chunk) for chunk in family.chunks]
        if not chunks:
            return family
        return chunks[0] if len(chunks) == 1 else Chunks(tuple(chunks))

    def _columns(self, family: Family, series: ColumnSeries) -> Columns:
        labels = [label for label in series.labels if label[0] != NAME]
        names = tuple([name for name, _ in labels])
        values = tuple([value for _, value in labels])
        points = series.points
        return Columns(
            family.type,
            family.help,
            family.unit,
            family.described_as,
            self._names.setdefault(names, names),
            self._values.setdefault(values, values),
            points.table,
            points.rows,
            points.time_unix_nano,
        )


def _constants(families: Iterable[_Known]) -> dict[str, str]:
    """The labels that all series of all ``families`` have, with one value."""
    common: set[tuple[str, str]] | None = None
    seen: set[int] = set()
    for family in _apart(families):
        if isinstance(family, Family):
            pairs = set(family.constants.items())
        elif id(family.values) in seen:
            continue
        else:
            seen.add(id(family.values))
            labels = zip(family.names, family.values, strict=True)
            pairs = {(name, value) for name, value in labels if isinstance(value, str)}
        common = pairs if common is None else common & pairs
    return dict(common or ())


def _apart(families: Iterable[_Known]) -> Iterator[Columns | Family]:
    """``families``, chunk for chunk."""
    for family in families:
        if isinstance(family, Chunks):
            yield from family.chunks
        else:
            yield family


NOTHING = Remembered(ScopeFamilies((), []))
"""Of a scope that did not come yet."""
