"""Stale markers: one last sample that says a series has ended.

Without it a deleted namespace answers instant queries for another five minutes (remote write 1.0:
a sender MUST send the marker when it knows that a series has stopped). Series are sought within
the resource and scope they came from, which one batch always describes completely: two receivers
on one exporter do not bury each other's series, and a scope that arrives empty ends all its own.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TypeAlias

from otel_kubecost.exporters.prometheus_remote_write.missing import Comparison, are_apart
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
from otel_kubecost.pdata import PointColumns

(STALE_NAN,) = struct.unpack("<d", (0x7FF0000000000002).to_bytes(8, "little"))
"""The quiet NaN that means "no more"; an ordinary NaN has other bits (prometheus/model/value)."""

_SomeSeries: TypeAlias = ColumnSeries | Sequence[Series]


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
        comparison = Comparison()
        batch = [*scopes, *self._not_renewed(scopes)]
        before = {scope.origin: self._present.pop(scope.origin, {}) for scope in batch}
        self._present.update(
            (scope.origin, _remembered(scope.families)) for scope in batch if scope.families
        )
        ends = _Ends(self._present.values(), before.values())
        for scope in batch:
            now = self._present.get(scope.origin, {})
            for name, family in before[scope.origin].items():
                gone = comparison.missing(family, now.get(name))
                gone = ends.of(gone, family, now.get(name)) if gone else ()
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


class _Ends:
    """Which series have left all scopes, each said once; as columns where no two can be one.

    ``present`` are the families that scopes have now, ``before`` what those that came had.
    """

    def __init__(
        self, present: Collection[Mapping[str, Family]], before: Collection[Mapping[str, Family]]
    ) -> None:
        self._present = present
        self._before = before
        self._marked: set[Labels] = set()

    def of(self, gone: _SomeSeries, before: Family, now: Family | None) -> _SomeSeries:
        """Those of ``gone`` that have ended; ``now`` is what ``before`` became, without them."""
        names = _families_of(gone)
        twins = _twins(before, names, self._present, now)
        if isinstance(gone, ColumnSeries) and not (
            twins or _twins(before, names, self._before, before)
        ):
            return gone
        known = self._marked.union(series.labels for twin in twins for series in twin.series)
        ended = [series for series in gone if series.labels not in known]
        self._marked.update(series.labels for series in ended)
        return ended


def _twins(
    one: Family,
    names: Collection[str],
    scopes: Iterable[Mapping[str, Family]],
    itself: Family | None,
) -> list[Family]:
    """The families of ``scopes`` that may have a series of ``one``."""
    return [
        family
        for families in scopes
        for name in names & families.keys()
        if (family := families[name]) is not itself and not are_apart(one, family)
    ]


def _families_of(some: _SomeSeries) -> set[str]:
    """Names of the families that may have such series: histograms have suffixed ones."""
    if isinstance(some, ColumnSeries):
        names = {str(dict(some.labels)[NAME])}
    else:
        names = {dict(series.labels).get(NAME, "") for series in some}
    return names | {name.removesuffix(suffix) for name in names for suffix in HISTOGRAM_SUFFIXES}


def _remembered(families: Iterable[Family]) -> dict[str, Family]:
    """``families`` by name, without the values of columns: their place has the marker already.

    What is as long as another shares it, so it weighs little that 100,000 pods have twelve.
    """
    markers = cache(lambda count: array("d", [STALE_NAN]) * count)

    def ending(series: ColumnSeries) -> ColumnSeries:
        points = series.points
        time, values = points.time_unix_nano, markers(len(points))
        ended = PointColumns(points.table, values, rows=points.rows, time_unix_nano=time)
        return ColumnSeries(series.labels, ended)

    return {
        family.name: replace(family, series=ending(family.series))
        if isinstance(family.series, ColumnSeries)
        else family
        for family in families
    }


def _ended(family: Family, gone: _SomeSeries, time: int) -> Family:
    # A series cannot end before its last sample; a foreign scope without one says no newer time.
    last = max(time, family.newest + 1)
    if isinstance(gone, ColumnSeries):
        return replace(family, series=ColumnSeries(gone.labels, gone.points.at(last * 1_000_000)))
    marker = (Sample(last, STALE_NAN),)
    return replace(family, series=[Series(one.labels, marker) for one in gone])
