"""The rows of an answer as columns: a row is a number, and an object of none is kept.

                 names                                     measures
    row     cluster  namespace  pod      kinds        total_cost   cpu_cost
    0       one      shop       web-0                 0.245        0.200
    1       one      shop       web-1                 0.189        (not reported: None)
    2       one      __idle__   __idle__ __idle__     1.020        NaN (null)

A hundred thousand pods of three costs are 12 MB this way, and 130 MB as rows.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, repeat

from otel_kubecost.receivers.kubecost.allocation import Allocations
from otel_kubecost.receivers.kubecost.coverage import Times, times_of
from otel_kubecost.receivers.kubecost.doubles import chosen
from otel_kubecost.receivers.kubecost.identity import identity, is_named, plain_names, synthetic
from otel_kubecost.receivers.kubecost.measures import Column, joined, measured
from otel_kubecost.receivers.kubecost.projection import Projection
from otel_kubecost.receivers.kubecost.recurring import Recurring
from otel_kubecost.receivers.kubecost.rows import Row


class RowTable:
    """Rows of one answer, in the order in which they came."""

    def __init__(
        self, projection: Projection, *, keyed: bool = False, pods: Sequence[str] = ()
    ) -> None:
        """``keyed``: keys are kept, so that tables can be joined.

        ``pods`` are those of an earlier answer, whose strings are used again.
        """
        self.projection = projection
        self.names: list[list[str]] = [[] for _ in projection.dimensions]
        """By dimension. Names that come again and again are the same strings."""
        self.measures: dict[str, Column] = {name: array("d") for name in projection.measures}
        self.times: list[Times] = []
        """If they are wanted: the set that a row is of, and the time that it spans."""
        self.kinds: dict[int, str] = {}
        """Rows that are no object at any level, with what they are: ``__idle__``..."""
        self.unnamed: set[int] = set()
        """Objects' rows that lack a name, such as a pod without a controller."""
        self.kind_keys: list[str] = []
        """The keys of ``kinds``."""
        self.keys: list[tuple[int, str]] | None = [] if keyed else None
        """With the number of their set."""
        self.null_rows = self.lenient_rows = 0
        self.without_idle = False
        """Idle was asked for and could not be had: what it costs is not known."""
        self._known: set[tuple[int, str]] = set()
        self._step = 0
        # Pods are nearly all distinct: a mapping of them would weigh more than it saves.
        self._same: list[Callable[[Sequence[str]], Iterable[str]]] = [
            Recurring(pods).same if dimension == "pod" else _repeated()
            for dimension in projection.dimensions
        ]
        self._distinct_times: dict[Times, Times] = {}

    @classmethod
    def of(
        cls, allocations: Allocations, projection: Projection, *, keyed: bool = False
    ) -> RowTable:
        table = cls(projection, keyed=keyed)
        table.add(allocations)
        return table

    def __len__(self) -> int:
        return len(self.names[0])

    @property
    def pods(self) -> Sequence[str]:
        """The pod of each row; none where they were not asked for."""
        dimensions = self.projection.dimensions
        return self.names[dimensions.index("pod")] if "pod" in dimensions else ()

    def add(self, allocations: Allocations) -> None:
        """Go on with ``allocations``, whose first set is the rest of the last one here."""
        for number, rows in enumerate(allocations.sets):
            self._step += number > 0
            if rows:
                self._add(rows)
        self.null_rows += allocations.null_rows
        self.lenient_rows += allocations.lenient_rows

    def join(self, page: RowTable) -> bool:
        """Add what is new in ``page``, by key; false if nothing is. Both are keyed."""
        keys = page.keys or []
        self._known = self._known or set(self.keys or ())
        new = Rows(page, [at for at, key in enumerate(keys) if key not in self._known])
        first = len(self)
        for mine, theirs in zip(self.names, page.names, strict=True):
            mine += [theirs[at] for at in new.at]
        for name, column in self.measures.items():
            self.measures[name] = joined(column, new.column(name))
        self.times += [page.times[at] for at in new.at] if page.times else []
        places = {at: first + number for number, at in enumerate(new.at)}
        self.kinds |= {places[at]: kind for at, kind in page.kinds.items() if at in places}
        self.unnamed |= {places[at] for at in page.unnamed if at in places}
        new_keys = [keys[at] for at in new.at]
        self._known.update(new_keys)
        self.keys = self.keys or []
        self.keys += new_keys
        self.kind_keys += page.kind_keys
        self.null_rows += page.null_rows if new.at else 0
        self.lenient_rows += page.lenient_rows if new.at else 0
        return bool(new.at)

    def _add(self, by_key: Mapping[str, Row]) -> None:
        keys, rows = list(by_key), list(by_key.values())
        names = plain_names(keys, rows, self.projection.dimensions)
        if None in names:
            numbered = zip(count(len(self)), names, keys, rows, strict=False)
            names = [plain or self._named(at, key, row) for at, plain, key, row in numbered]
        for column, same, own in zip(self.names, self._same, zip(*names, strict=True), strict=True):
            column.extend(same(own))
        for measure, amounts in measured(rows, self.measures).items():
            self.measures[measure] = joined(self.measures[measure], amounts)
        if self.projection.spans:
            spanned = [times_of(row, self._step) for row in rows]
            self.times += [self._distinct_times.setdefault(times, times) for times in spanned]
        if self.keys is not None:
            self.keys += zip(repeat(self._step), keys)

    def _named(self, at: int, key: str, row: Row) -> tuple[str, ...]:
        """The names of a row that is not named plainly, which is to be the row ``at``."""
        names = identity(key, row, self.projection.dimensions)
        kind = synthetic(key, names[1:])
        if kind is not None:
            self.kinds[at] = kind
            self.kind_keys.append(key)
        elif not all(map(is_named, names[1:])):
            self.unnamed.add(at)
        return names


def _repeated() -> Callable[[Sequence[str]], Iterable[str]]:
    known: dict[str, str] = {}
    return lambda texts: map(known.setdefault, texts, texts)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a table, by number."""

    table: RowTable
    at: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.at)

    def column(self, measure: str) -> Column:
        """``measure`` of each of the rows; not to be changed."""
        whole = self.table.measures[measure]
        if isinstance(self.at, range):
            return whole[self.at.start : self.at.stop] if len(self.at) < len(whole) else whole
        if isinstance(whole, array):
            return chosen(whole, self.at)
        return list(map(whole.__getitem__, self.at))

    def names(self, position: int) -> list[str]:
        """The name of each in the dimension at ``position``."""
        whole = self.table.names[position]
        if isinstance(self.at, range):
            return whole[self.at.start : self.at.stop]
        return list(map(whole.__getitem__, self.at))
