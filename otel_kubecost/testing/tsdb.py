"""Series in memory, what a TSDB refuses, and what an instant query sees. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from otel_kubecost.testing.wire import LabelPairs, Point, SentSeries, is_stale, show


class Tsdb:
    """Samples by series, ascending in time.

    A sample that is there already, with the same value, is taken again without a word: that is
    what makes a retry safe whose first answer was lost.
    """

    def __init__(self) -> None:
        self.series: dict[LabelPairs, list[Point]] = {}

    def append(self, sent: SentSeries) -> Iterator[str]:
        """Store what can be stored and say what cannot: the valid samples of a request stay."""
        for point in sent.points:
            refusal = self._refusal(sent.labels, point)
            if refusal:
                yield f"{refusal} in {show(sent.labels)}"

    def _refusal(self, labels: LabelPairs, point: Point) -> str:
        points = self.series.setdefault(labels, [])
        at = bisect_left(points, point[0], key=_time)
        if at == len(points):
            points.append(point)
            return ""
        stored = points[at]
        if stored[0] != point[0]:
            return f"out of order sample: {point[0]} after {points[-1][0]}"
        if not _same(stored[1], point[1]):
            return f"duplicate sample for timestamp {point[0]}: {point[1]} after {stored[1]}"
        return ""

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
