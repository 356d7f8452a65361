"""Stale markers: one last sample that says a series has ended.

Without it a deleted namespace answers instant queries for another five minutes (remote write 1.0:
a sender MUST send the marker when it knows that a series has stopped). Series are sought within
the resource and scope they came from, which one batch always describes completely: two receivers
on one exporter do not bury each other's series, and a scope that arrives empty ends all its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from otel_kubecost.exporters.prometheus_remote_write.missing import Comparison, are_apart
from otel_kubecost.exporters.prometheus_remote_write.remembered import (
    NOTHING,
    STALE_NAN,
    Remembered,
)
from otel_kubecost.exporters.series.labels import NAME
from otel_kubecost.exporters.series.model import (
    SUFFIXES,
    ColumnSeries,
    Family,
    Labels,
    Sample,
    ScopeFamilies,
    Series,
    SomeSeries,
    Type,
    chunks_of,
    series_of,
)

_Origin: TypeAlias = tuple[str, ...]


class StaleMarkers:
    """Remembers the series of each scope's last batch.

    An origin begins with the stream it came by. Two streams may carry parts of one scope,
    relabelling may make one series of two scopes', and what a histogram counted may be a metric of
    its own now: what any scope still has, as whatever, does not end. So a marker never has the
    time of a sample of its series.

    Families that are not tracked are passed over, and a series that becomes one of theirs goes on:
    its next sample may be older than the scrape that brings it, and a marker would be in its way.
    """

    def __init__(self) -> None:
        self._present: dict[_Origin, Remembered] = {}
        self._inherited: set[_Origin] = set()
        self._first = 0

    def outlive(self) -> None:
        """A new configuration begins: what it does not renew at its first mark ended with that.

        Scopes of receivers and pipelines that are gone never come again to say so themselves, so
        it is known at the second mark. A receiver that is only slower goes on where it comes.
        Targets have their own times: one has ended where its second scrape would have come.
        """
        self._inherited, self._first = set(self._present), 0

    def departed(self, scopes: Sequence[ScopeFamilies]) -> list[Family]:
        """Families with a stale marker for each series that was in the last batch and left.

        The marker has the time of the scope's new samples, so that agents which see the same
        answers write the same markers. Of each series there is one at most.
        """
        markers: list[Family] = []
        comparison = Comparison()
        batch = [*scopes, *self._not_renewed(scopes)]
        before = {scope.origin: self._present.pop(scope.origin, NOTHING) for scope in batch}
        self._present.update(
            (scope.origin, Remembered(scope, before[scope.origin]))
            for scope in batch
            if scope.families
        )
        ends = _Ends(self._present, before)
        for scope in batch:
            markers += ends.of_scope(scope, comparison)
        return markers

    def _not_renewed(self, scopes: Sequence[ScopeFamilies]) -> list[ScopeFamilies]:
        time = max((scope.time for scope in scopes), default=0)
        self._inherited -= {scope.origin for scope in scopes}
        self._first = self._first or time
        ended = []
        for origin in sorted(self._inherited):
            known_at, at = _end(self._present[origin], self._first)
            if time > known_at:
                ended.append(ScopeFamilies(origin, [], at))
        self._inherited -= {scope.origin for scope in ended}
        return ended


def _end(scope: Remembered, first: int) -> tuple[int, int]:
    """After what time ``scope``, unless renewed, is known to have ended, and when it did."""
    if scope.is_target:
        return scope.time + 2 * scope.step, scope.time + scope.step
    # No receiver's mark: a slower one may renew it at the present one.
    return first, first + 1


class _Ends:
    """Which series have left all scopes, each said once; as columns where no two can be one.

    ``present`` is what scopes have now, ``before`` what those that came had.
    """

    def __init__(
        self, present: Mapping[_Origin, Remembered], before: Mapping[_Origin, Remembered]
    ) -> None:
        self._present = present
        self._before = before
        self._marked: set[Labels] = set()

    def of_scope(self, scope: ScopeFamilies, comparison: Comparison) -> Iterator[Family]:
        """The markers that ``scope``, which came just now, makes necessary."""
        before = self._before[scope.origin]
        now = self._present.get(scope.origin, NOTHING)
        tracked = {family.name: family for family in scope.families if family.is_tracked}
        others = {family.name: family for family in scope.families if not family.is_tracked}
        near = _Near(self._present.values(), self._before.values(), before, now)
        for family in before.families_unlike(now):
            gone = comparison.missing(family, tracked.get(family.name))
            gone = self._ended(gone, family, near) if gone else ()
            if gone:
                yield _unless_there(_marked(family, gone, scope.time), others.get(family.name))

    def _ended(self, gone: SomeSeries, before: Family, near: _Near) -> SomeSeries:
        """Those of ``gone`` that no scope has, and that were not said before."""
        names = _families_of(gone)
        twins = near.now(before, names)
        if chunks_of(gone) and not (twins or near.before(before, names)):
            return gone
        known = self._marked.union(series.labels for twin in twins for series in twin.series)
        ended = [series for series in gone if series.labels not in known]
        self._marked.update(series.labels for series in ended)
        return ended


class _Near:
    """The scopes that may have a series of one scope; targets have labels that tell them apart."""

    def __init__(
        self,
        present: Iterable[Remembered],
        before: Iterable[Remembered],
        itself_before: Remembered,
        itself_now: Remembered,
    ) -> None:
        self._all = (present, before)
        self._itself = (itself_now, itself_before)
        self._near: dict[int, list[Remembered]] = {}

    def now(self, one: Family, names: Collection[str]) -> list[Family]:
        """The families of what is present that may have a series of ``one``, but itself."""
        return self._twins(0, one, names)

    def before(self, one: Family, names: Collection[str]) -> list[Family]:
        """As ``now``, of the scopes that came, as they were."""
        return self._twins(1, one, names)

    def _twins(self, when: int, one: Family, names: Collection[str]) -> list[Family]:
        if when not in self._near:
            apart = self._itself[1].is_apart_from
            self._near[when] = [scope for scope in self._all[when] if not apart(scope)]
        return [
            family
            for scope in self._near[when]
            for name in names
            if not (scope is self._itself[when] and name == one.name)
            if (family := scope.family(name)) and not are_apart(one, family)
        ]


def _families_of(some: SomeSeries) -> set[str]:
    """Names of the families that may have such series: histograms have suffixed ones."""
    names = {str(dict(chunk.labels)[NAME]) for chunk in chunks_of(some)}
    names = names or {dict(series.labels).get(NAME, "") for series in some}
    suffixes = SUFFIXES[Type.HISTOGRAM]
    return names | {name.removesuffix(suffix) for name in names for suffix in suffixes}


def _marked(family: Family, gone: SomeSeries, time: int) -> Family:
    # A series cannot end before its last sample; a foreign scope without one says no newer time.
    last = max(time, family.newest + 1)
    at = last * 1_000_000
    chunks = [ColumnSeries(chunk.labels, chunk.points.at(at)) for chunk in chunks_of(gone)]
    if chunks:
        return replace(family, series=series_of(chunks))
    marker = (Sample(last, STALE_NAN),)
    return replace(family, series=[Series(one.labels, marker) for one in gone])


def _unless_there(marked: Family, untracked: Family | None) -> Family:
    """``marked`` without the series that ``untracked`` has."""
    if untracked is None:
        return marked
    there = {one.labels for one in untracked.series}
    return replace(marked, series=[one for one in marked.series if one.labels not in there])
