"""Tables of labels, made of what the last scrape had and of what is new.

    base (the table of the last scrape)   fresh (rows that were not there)    order
    0  pod=a  node=n1                     2  pod=c  zone=z                    [0, 2, 1]
    1  pod=b  node=n1

    made        pod   node  zone
    0 (was 0)   a     n1    -
    1 (fresh)   c     -     z
    2 (was 1)   b     n1    -

Known rows are copied as numbers, column by column; strings are looked at for fresh rows alone. The
result is what a table of the same rows made anew would be: keys sorted, values in the order of
their appearance, and what all rows have in common beside the table.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain, islice
from typing import NamedTuple, TypeAlias

from otel_kubecost.pdata import AttributeTable, StringColumn

_Pair: TypeAlias = tuple[str, str]


class Labels(NamedTuple):
    """The labels of some rows: those that they have in common, and the rest in a table."""

    constant: Mapping[str, str]
    table: AttributeTable

    def row(self, at: int) -> dict[str, str]:
        return {**self.table.row(at), **self.constant}

    def values(self, name: str) -> Sequence[str]:
        """All that rows have for label ``name``; an empty one if some go without it."""
        if name in self.table.keys:
            return self.table.columns[self.table.keys.index(name)].values
        return [self.constant[name]] if name in self.constant else []


_Recipe: TypeAlias = tuple[int, AbstractSet[_Pair], tuple[AbstractSet[_Pair], ...], bytes]
"""What ``made`` is given; its base by identity, and kept beside what was made."""

_MOST_FRESH = 100
"""Rows that are remembered as part of a recipe."""

NO_LABELS = Labels({}, AttributeTable((), (), 0, is_sparse=True))


class Interned:
    """Strings, columns and tables that are there once, however many metrics have them.

    Metrics of one exporter are mostly about the same pods: 50 families of cAdvisor share all their
    columns but ``device`` and ``cpu``, which takes 100,000 series from 12 MB to 2.
    """

    def __init__(self) -> None:
        self._strings: dict[str, str] = {}
        self._columns: dict[int, StringColumn] = {}
        self._tables: dict[tuple[int, ...], AttributeTable] = {}
        self._made: dict[_Recipe, tuple[Labels, Labels]] = {}

    def string(self, text: str) -> str:
        return self._strings.setdefault(text, text)

    def column(self, codes: array[int], values: list[str]) -> StringColumn:
        key = hash((codes.tobytes(), *values))
        known = self._columns.get(key)
        if known is not None and known.codes == codes and known.values == values:
            return known
        made = self._columns[key] = StringColumn(codes, values)
        return made

    def table(self, columns: Mapping[str, StringColumn], size: int) -> AttributeTable:
        key = (size, *(part for name, one in columns.items() for part in (hash(name), id(one))))
        known = self._tables.get(key)
        if known is not None and known.keys == tuple(columns):
            return known
        made = AttributeTable(tuple(columns), tuple(columns.values()), size, is_sparse=True)
        self._tables[key] = made
        return made

    def labels(
        self, base: Labels, fresh: Sequence[Mapping[str, str]], order: Sequence[int]
    ) -> Labels:
        """As ``made``; where a pod has come or gone, all its metrics change in the same way."""
        if len(fresh) > _MOST_FRESH:
            return made(base, fresh, order, self)
        rows = tuple(frozenset(labels.items()) for labels in fresh)
        key = id(base.table), frozenset(base.constant.items()), rows, bytes(array("I", order))
        if key not in self._made:
            self._made[key] = base, made(base, fresh, order, self)
        return self._made[key][1]

    def keep(self, tables: Iterable[AttributeTable]) -> None:
        """Forget what none of ``tables`` has, and how they were made."""
        self._made = {}
        alive = {id(one) for one in tables}
        self._tables = {key: one for key, one in self._tables.items() if id(one) in alive}
        columns = {id(one) for table in self._tables.values() for one in table.columns}
        self._columns = {key: one for key, one in self._columns.items() if id(one) in columns}
        strings = (text for one in self._columns.values() for text in one.values)
        self._strings = {text: text for text in strings}


def made(
    base: Labels, fresh: Sequence[Mapping[str, str]], order: Sequence[int], interned: Interned
) -> Labels:
    """The labels of the rows that ``order`` names: those of ``base``, and ``fresh`` behind them."""
    if not fresh and list(order) == list(range(len(base.table))):
        return base
    known = dict(zip(base.table.keys, base.table.columns, strict=True))
    names = sorted({*known, *base.constant, *chain.from_iterable(fresh)})
    constant: dict[str, str] = {}
    columns: dict[str, StringColumn] = {}
    for name in names:
        column = known.get(name) or _same(base.constant.get(name, ""), len(base.table))
        texts = [labels.get(name, "") for labels in fresh]
        codes, values = _chosen(_longer(column, texts, interned), order)
        if len(values) > 1:
            columns[name] = interned.column(codes, values)
        elif any(values):
            constant[name] = values[0]
    return Labels(constant, interned.table(columns, len(order)))


def _same(text: str, size: int) -> StringColumn:
    return StringColumn(array("I", [0]) * size, [text] if size else [])


def _longer(column: StringColumn, texts: Sequence[str], interned: Interned) -> StringColumn:
    """``column`` with ``texts`` behind its own."""
    if not texts:
        return column
    known = len(column.values)
    index = dict(zip(column.values, range(known), strict=True))
    codes = column.codes[:]
    codes.extend([index.setdefault(text, len(index)) for text in texts])
    added = map(interned.string, islice(index, known, None))
    return StringColumn(codes, [*column.values, *added])


def _chosen(column: StringColumn, order: Sequence[int]) -> tuple[array[int], list[str]]:
    """The rows that ``order`` names, with the values that they have and no others."""
    codes = array("I", map(column.codes.__getitem__, order))
    used = dict.fromkeys(codes)
    values = [column.values[code] for code in used]
    if values == column.values:
        return codes, values
    renumbered = dict(zip(used, range(len(used)), strict=True))
    return array("I", map(renumbered.__getitem__, codes)), values
