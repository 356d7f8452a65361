"""A block's layout for other lines than in the last scrape: what was there is copied.

Only lines whose keys are not known cost more than a look into a dict: they are parsed, labelled
and relabelled. So a scrape costs what is new in it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from otel_kubecost.receivers.prometheus.page.cutting import Lines
from otel_kubecost.receivers.prometheus.page.layout import Group, GroupKey, Layout, group_of
from otel_kubecost.receivers.prometheus.page.limits import NAME
from otel_kubecost.receivers.prometheus.page.tables import NO_LABELS, Interned

Label: TypeAlias = Callable[[bytes], dict[str, str] | None]
"""From a key to the final labels, with ``__name__``; None drops the line. Raises SeriesError."""

_Known: TypeAlias = tuple[Group, int]
_Row: TypeAlias = _Known | dict[str, str] | None
"""Of a line its group and row in the old layout, or else its labels; None for one that is dropped.
"""
_PlainKey: TypeAlias = tuple[str, bool, bool, int]
"""What a GroupKey is equal to, and made faster than one."""


class Rebuilt(NamedTuple):
    layout: Layout
    origins: array[int]
    """Of each line its place in the old layout, -1 if it was not there."""


def rebuilt(
    old: Layout, lines: Lines, label: Label, own: Mapping[str, str], interned: Interned
) -> Rebuilt:
    """The layout of ``lines``. ``own`` are the labels that the target's resource says."""
    known = old.places()
    origins = array("i", [known.get(one, -1) for one in lines.hashes])
    before = _rows(old)
    rows = [
        before[origin] if origin >= 0 else label(key)
        for key, origin in zip(lines.keys, origins, strict=True)
    ]
    series = array(
        "q",
        [
            old.series[origin] if origin >= 0 else _series(row)
            for row, origin in zip(rows, origins, strict=True)
        ],
    )
    repeats = _repeats(series)
    draft = _Draft(old, lines.timed or bytes(len(rows)), own)
    draft.add(rows, repeats)
    groups = draft.groups(interned)
    firsts = {place: first for place, (first, _) in repeats.items()}
    return Rebuilt(Layout(lines.hashes, lines.timed, series, groups, firsts or None), origins)


def _rows(layout: Layout) -> list[_Known | None]:
    """Those of the lines of ``layout``."""
    rows: list[_Known | None] = [None] * len(layout.hashes)
    for group in layout.groups:
        for row, line in enumerate(group.lines):
            rows[line] = group, row
    return rows


def _series(row: _Row) -> int:
    """A number for the labels of a fresh row; 0 for one that is dropped."""
    return hash(frozenset(row.items())) or 1 if isinstance(row, dict) else 0


def _repeats(series: array[int]) -> dict[int, tuple[int, int]]:
    """Of each line whose series has lines above the place of the first, and how many there are."""
    distinct = set(series)
    if len(distinct) == len(series):
        return {}
    above: Counter[int] = Counter()
    first: dict[int, int] = {}
    found = {}
    for place, one in enumerate(series):
        if one and above[one]:
            found[place] = first[one], above[one]
        first.setdefault(one, place)
        above[one] += 1
    return found


class _DraftGroup:
    def __init__(self, key: GroupKey, base: Group | None) -> None:
        self._key = key
        self._base = base
        self._known = base.labels if base else NO_LABELS
        self._fresh: list[Mapping[str, str]] = []
        self._order: list[int] = []
        self._lines: list[int] = []

    def add(self, line: int, labels: Mapping[str, str]) -> None:
        self._lines.append(line)
        self._order.append(len(self._known.table) + len(self._fresh))
        self._fresh.append(labels)

    def copy(self, line: int, group: Group, row: int) -> None:
        if group is self._base:
            self._lines.append(line)
            self._order.append(row)
        else:
            self.add(line, group.labels.row(row))

    def group(self, interned: Interned) -> Group:
        labels = interned.labels(self._known, self._fresh, self._order)
        return group_of(self._key, labels, self._lines)


class _Draft:
    """The groups of a layout in the making."""

    def __init__(self, old: Layout, timed: bytes, own: Mapping[str, str]) -> None:
        self._bases: dict[_PlainKey, Group] = {group.key: group for group in old.groups}
        self._timed = timed
        self._own = own
        self._groups: dict[_PlainKey, _DraftGroup] = {}

    def add(self, rows: Sequence[_Row], repeats: Mapping[int, tuple[int, int]]) -> None:
        """The rows of all lines."""
        for place, row in enumerate(rows):
            above = repeats[place][1] if place in repeats else 0
            if isinstance(row, tuple):
                group, at = row
                self._group(place, group.key[0], group.key[1], above).copy(place, group, at)
            elif row is not None:
                self._add_fresh(place, row, above)

    def _add_fresh(self, place: int, labels: dict[str, str], above: int) -> None:
        is_apart = not self._own or not self._own.items() <= labels.items()
        name = labels.pop(NAME)
        for inherited in () if is_apart else self._own:
            del labels[inherited]
        self._group(place, name, is_apart, above).add(place, labels)

    def _group(self, place: int, name: str, is_apart: bool, above: int) -> _DraftGroup:
        key = (name, is_apart, self._timed[place] == 1, above)
        found = self._groups.get(key)
        if found is None:
            found = _DraftGroup(GroupKey(*key), self._bases.get(key))
            self._groups[key] = found
        return found

    def groups(self, interned: Interned) -> tuple[Group, ...]:
        return tuple(one.group(interned) for one in self._groups.values())
