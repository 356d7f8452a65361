"""Stale markers: one last sample that says a series has ended.

Without it a deleted namespace answers instant queries for another five minutes (remote write 1.0:
a sender MUST send the marker when it knows that a series has stopped). Series are sought within
the resource and scope they came from, which one batch always describes completely: two receivers
on one exporter do not bury each other's series, and a scope that arrives empty ends all its own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from otel_kubecost.exporters.series.labels import NAME
from otel_kubecost.exporters.series.merge import HISTOGRAM_SUFFIXES
from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    Labels,
    Sample,
    ScopeFamilies,
    Series,
)

(STALE_NAN,) = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))
"""The quiet NaN that means "no more"; an ordinary NaN has other bits (prometheus/model/value)."""

_RowKey: TypeAlias = tuple[str, ...]


class StaleMarkers:
    """Remembers the series of each scope's last batch.

    An origin begins with the stream it came by. Two streams may carry parts of one scope,
    relabelling may make one series of two scopes', and what a histogram counted may be a metric of
    its own now: what any scope still has, as whatever, does not end. So a marker never has the
    time of a sample of its series.

    What it keeps of columns is a reference to them, not a set of series: 100,000 pods weigh what
    their table weighs.
    """

    def __init__(self) -> None:
        self._present: dict[tuple[str, ...], dict[str, Family]] = {}
        self._inherited: set[tuple[str, ...]] = set()
        self._first = 0

    def outlive(self) -> None:
        """A new configuration begins: what it does not renew at its first mark ended with that.

        Scopes of receivers and pipelines that are gone never come again to say so themselves, so
        it is known at the second mark. A receiver that is only slower goes on where it comes.
        """
        self._inherited, self._first = set(self._present), 0

    def departed(self, scopes: Sequence[ScopeFamilies]) -> list[Family]:
        """Families with a stale marker for each series that was in the last batch and left.

        The marker has the time of the scope's new samples, so that agents which see the same
        answers write the same markers. Of each series there is one at most.
        """
        markers: list[Family] = []
        marked: set[Labels] = set()
        comparison = _Comparison()
        batch = [*scopes, *self._not_renewed(scopes)]
        before = {scope.origin: self._present.pop(scope.origin, {}) for scope in batch}
        self._present.update(
            (scope.origin, {family.name: family for family in scope.families})
            for scope in batch
            if scope.families
        )
        for scope in batch:
            now = self._present.get(scope.origin, {})
            for name, family in before[scope.origin].items():
                gone = comparison.missing(family, now.get(name))
                gone = self._nowhere_else(gone, family, now.get(name)) if gone else []
                gone = [labels for labels in gone if labels not in marked]
                marked.update(gone)
                if gone:
                    markers.append(_ended(family, gone, scope.time))
        return markers

    def _not_renewed(self, scopes: Sequence[ScopeFamilies]) -> list[ScopeFamilies]:
        time = max((scope.time for scope in scopes), default=0)
        self._inherited -= {scope.origin for scope in scopes}
        self._first = self._first or time
        if time <= self._first:
            return []
        ended, self._inherited = self._inherited, set()
        # No receiver's mark: a slower one may renew them at the present one.
        since = self._first + 1
        return [ScopeFamilies(origin, [], since) for origin in sorted(ended)]

    def _nowhere_else(
        self, gone: Sequence[Labels], before: Family, now: Family | None
    ) -> list[Labels]:
        """Those of ``gone`` that no scope has; ``now`` is what ``before`` became, without them."""
        names = _families_of(gone)
        twins = [
            family
            for families in self._present.values()
            for name in names & families.keys()
            if (family := families[name]) is not now and not _are_apart(before, family)
        ]
        alive = {series.labels for twin in twins for series in twin.series}
        return [one for one in gone if one not in alive]


def _families_of(all_labels: Iterable[Labels]) -> set[str]:
    """Names of the families that may have such series: histograms have suffixed ones."""
    names = {dict(labels).get(NAME, "") for labels in all_labels}
    return names | {name.removesuffix(suffix) for name in names for suffix in HISTOGRAM_SUFFIXES}


def _are_apart(one: Family, other: Family) -> bool:
    """Whether all rows of the one have a label in common that is another in those of the other."""
    if not (isinstance(one.series, ColumnSeries) and isinstance(other.series, ColumnSeries)):
        return False
    here, there = dict(one.series.shape), dict(other.series.shape)
    return any(
        value and there.get(name, value) not in {None, value} for name, value in here.items()
    )


def _ended(family: Family, gone: Iterable[Labels], time: int) -> Family:
    # A series cannot end before its last sample; a foreign scope without one says no newer time.
    last = max(time, family.newest + 1)
    marker = (Sample(last, STALE_NAN),)
    return replace(family, series=[Series(labels, marker) for labels in gone])


class _Comparison:
    """Of one batch with the one before it.

    The metrics of one level share a table, so what is missing in it is sought once for all.
    """

    def __init__(self) -> None:
        self._missing_rows: dict[tuple[int, ...], list[int]] = {}

    def missing(self, before: Family, now: Family | None) -> list[Labels]:
        """The label sets of ``before`` that ``now`` does not have, sorted."""
        if now is None:
            return sorted(series.labels for series in before.series)
        if isinstance(before.series, ColumnSeries) and isinstance(now.series, ColumnSeries):
            old, new = before.series, now.series
            if old.shape == new.shape:
                return sorted(old.row_labels(row) for row in self._rows(old, new))
        kept = {series.labels for series in now.series}
        return sorted({series.labels for series in before.series} - kept)

    def _rows(self, old: ColumnSeries, new: ColumnSeries) -> list[int]:
        # All that is compared existed before the comparison, so ids tell the parts apart.
        parts = (old.points.table, old.points.rows, new.points.table, new.points.rows)
        key = tuple(map(id, parts))
        if key not in self._missing_rows:
            self._missing_rows[key] = _missing_rows(old, new)
        return self._missing_rows[key]


def _missing_rows(old: ColumnSeries, new: ColumnSeries) -> list[int]:
    """Rows of ``old`` whose labels no row of ``new`` has; all other labels are the same."""
    if old.points.table is new.points.table and old.points.rows == new.points.rows:
        return []
    kept = {key for _, key in _row_keys(new)}
    return [row for row, key in _row_keys(old) if key not in kept]


def _row_keys(series: ColumnSeries) -> Iterator[tuple[int, _RowKey]]:
    columns = [value for _, value in series.labels if not isinstance(value, str)]
    for row in series.points.row_numbers():
        yield row, tuple(column[row] for column in columns)
