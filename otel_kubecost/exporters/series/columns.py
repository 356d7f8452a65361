"""Columns of points to columns of series, without a point or a series being built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from otel_kubecost.exporters.series.exemplars import series_exemplars
from otel_kubecost.exporters.series.labels import NAME, label_text, valid_text
from otel_kubecost.exporters.series.model import ColumnSeries, SeriesExemplar
from otel_kubecost.pdata import AttributeTable, PointColumns, StringColumn

_Pair: TypeAlias = tuple[str, str | StringColumn]

_AT_ONCE = 4096
"""Strings that are looked at as one."""


class _Layout(NamedTuple):
    """The labels of all tables with the same keys, in their order."""

    names: tuple[str, ...]
    """Of the keys."""
    order: tuple[tuple[str, int], ...]
    """All labels, sorted: the name, and of which key it is; -1 is inherited."""
    place: int
    """Of the family's name among them."""


class _Labels(NamedTuple):
    before: tuple[_Pair, ...]
    """The labels that come before the family's name."""
    behind: tuple[_Pair, ...]


class ResourceColumns:
    """The columns of one resource's points as labels.

    Most metrics share a table and what is constant beside it, and then all labels but their name:
    those are made once, so that no row is looked at for each metric. Of many small tables most
    have the same keys, and their labels one order.
    """

    def __init__(self, inherited: Mapping[str, str], name_of: Callable[[str], str]) -> None:
        """``inherited`` are the labels of the resource; a point's own of the same name win.

        ``name_of`` makes a label's name of an attribute's key, or ``""`` where it cannot be one.
        """
        self._inherited = inherited
        self._name_of = name_of
        self._layouts: dict[tuple[str, ...], _Layout | None] = {}
        self._known: dict[tuple[AttributeTable, tuple[tuple[str, str], ...]], _Labels | None] = {}

    def series(self, family: str, points: PointColumns) -> ColumnSeries | None:
        """The series of ``points``, or None where a column cannot be a label just as it is."""
        key = points.table, tuple(points.constant.items())
        if key not in self._known:
            self._known[key] = self._labels(points)
        labels = self._known[key]
        if labels is None:
            return None
        named = (*labels.before, (NAME, family), *labels.behind)
        return ColumnSeries(named, points, _exemplars(points))

    def _labels(self, points: PointColumns) -> _Labels | None:
        layout = self._layout((*points.table.keys, *points.constant))
        if layout is None:
            return None
        inherited = self._inherited
        values: list[StringColumn | str] = []
        for name, column in zip(layout.names, points.table.columns, strict=False):
            filled = _filled(column, inherited.get(name, ""))
            if filled is None:
                return None
            values.append(filled)
        constants = zip(layout.names[len(values) :], points.constant.values(), strict=True)
        values += [label_text(value) or inherited.get(name, "") for name, value in constants]
        pairs = [(name, values[at] if at >= 0 else inherited[name]) for name, at in layout.order]
        before, behind = pairs[: layout.place], pairs[layout.place :]
        return _Labels(_present(before), _present(behind))

    def _layout(self, keys: tuple[str, ...]) -> _Layout | None:
        """None where not every key can be a label of its own."""
        if keys not in self._layouts:
            names = tuple(map(self._name_of, keys))
            is_valid = all(names) and len(set(names)) == len(names)
            self._layouts[keys] = self._ordered(names) if is_valid else None
        return self._layouts[keys]

    def _ordered(self, names: tuple[str, ...]) -> _Layout:
        places = {name: at for at, name in enumerate(names)}
        order = sorted({**dict.fromkeys(self._inherited, -1), **places}.items())
        return _Layout(names, tuple(order), sum(name < NAME for name, _ in order))


def _present(pairs: Sequence[_Pair]) -> tuple[_Pair, ...]:
    return tuple([pair for pair in pairs if pair[1] != ""])


def _filled(column: StringColumn, inherited: str) -> StringColumn | None:
    """``column`` with what a row without a value inherits; None where it cannot be a label so.

    Values made valid, or filled in, may become equal: the rows would no longer be distinct.
    """
    values = column.values
    if not _are_valid(values):
        return None
    if not inherited or "" not in values:
        return column
    if inherited in values:
        return None
    return StringColumn(column.codes, [text or inherited for text in values])


def _are_valid(values: Sequence[str]) -> bool:
    if len(values) <= _AT_ONCE and "".join(values).isascii():
        return True
    parts = ("".join(values[at : at + _AT_ONCE]) for at in range(0, len(values), _AT_ONCE))
    return all(valid_text(text) == text for text in parts)


def _exemplars(points: PointColumns) -> dict[int, Sequence[SeriesExemplar]]:
    found = points.details and points.details.exemplars
    return {place: series_exemplars(some) for place, some in found.items()} if found else {}
