"""Series in memory, what a TSDB refuses, and what an instant query sees. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from otel_kubecost.testing.wire import LabelPairs, Point, SentSeries, is_stale, show

HEAD_MILLIS = 3_600_000
"""How far behind its newest sample a TSDB with blocks of two hours takes another series' one."""


class Refusal(NamedTuple):
    """A sample that was not stored."""

    kind: str
    """In the words of Prometheus' storage."""
    text: str


class Tsdb:
    """Samples by series, ascending in time.

    A sample that is there already, with the same value, is taken again without a word: that is
    what makes a retry safe whose first answer was lost. ``window`` (seconds) makes it as strict
    as Prometheus with that ``out_of_order_time_window``: 0 takes nothing behind the newest sample
    of its series, not even what is there, and nothing an hour behind the newest of all; more takes
    everything that is not older than that. None knows no window.
    """

    def __init__(self, window: float | None = None) -> None:
        self.series: dict[LabelPairs, list[Point]] = {}
        self._window = window
        self._newest = 0

    def append(self, sent: SentSeries) -> Iterator[Refusal]:
        """Store what can be stored and say what cannot: the valid samples of a request stay."""
        for point in sent.points:
            refusal = self._late(point[0]) or self._refusal(sent.labels, point)
            if refusal:
                yield Refusal(refusal.kind, f"{refusal.text} in {show(sent.labels)}")
            else:
                self._newest = max(self._newest, point[0])

    @contextmanager
    def undone_by_a_refusal(self) -> Iterator[list[Refusal]]:
        """For a block that appends: where it adds to the list, nothing of it stays."""
        before = {labels: list(points) for labels, points in self.series.items()}, self._newest
        refusals: list[Refusal] = []
        yield refusals
        if refusals:
            self.series, self._newest = before

    def _late(self, at: int) -> Refusal | None:
        if self._window is None:
            return None
        bound = self._newest - (self._window * 1000 or HEAD_MILLIS)
        if at >= bound:
            return None
        kind = "too old sample" if self._window else "out of bounds"
        return Refusal(kind, f"{kind}: {at} before {bound:.0f}")

    def _refusal(self, labels: LabelPairs, point: Point) -> Refusal | None:
        points = self.series.setdefault(labels, [])
        at = bisect_left(points, point[0], key=_time)
        is_there = at < len(points) and points[at][0] == point[0]
        if points and point[0] < points[-1][0] and not self._takes_late(is_there):
            kind = "out of order sample"
            return Refusal(kind, f"{kind}: {point[0]} after {points[-1][0]}")
        if not is_there:
            points.insert(at, point)
        elif not _same(points[at][1], point[1]):
            kind = "duplicate sample for timestamp"
            return Refusal(kind, f"{kind} {point[0]}: {point[1]} after {points[at][1]}")
        return None

    def _takes_late(self, is_there: bool) -> bool:
        return is_there if self._window is None else self._window > 0

    def latest(self, at_ms: float, lookback: float) -> dict[LabelPairs, float]:
        """The newest value of each series as an instant query at ``at_ms`` sees it.

        Absent are series without a sample in the ``lookback`` seconds before, and those whose
        newest sample is a stale marker.
        """
        seen = {
            labels: points[index - 1]
            for labels, points in self.series.items()
            if (index := bisect_right(points, at_ms, key=_time))
        }
        return {
            labels: value
            for labels, (at, value) in seen.items()
            if at > at_ms - lookback * 1000 and not is_stale(value)
        }

    def forget(self, before_ms: float) -> None:
        """Drop samples older than that, and series with nothing left."""
        for labels, points in list(self.series.items()):
            del points[: bisect_left(points, before_ms, key=_time)]
            if not points:
                del self.series[labels]


def _time(point: Point) -> int:
    return point[0]


def _same(one: float, other: float) -> bool:
    """Equal, or the same kind of NaN: stale markers and other NaNs are two."""
    if one != one and other != other:  # noqa: PLR0124  true of NaN alone
        return is_stale(one) == is_stale(other)
    return one == other
