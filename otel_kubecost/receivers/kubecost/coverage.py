"""How many hours an answer's data spans: what costs are divided by. Pure.

A window of 24 hours asked of a cluster that is 3 hours old holds 3 hours of cost. Dividing by 24
would report an eighth of the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from otel_kubecost.receivers.kubecost.rows import Row, Span
from otel_kubecost.receivers.kubecost.window import HOUR, parse_time


@dataclass(slots=True)
class Coverage:
    """The time that an answer's rows span, set by set (seconds since the epoch)."""

    spans: dict[int, tuple[float, float]] = field(default_factory=dict)

    def widen(self, step: int, span: tuple[float, float]) -> None:
        start, end = self.spans.get(step, span)
        self.spans[step] = min(start, span[0]), max(end, span[1])

    @property
    def hours(self) -> float:
        """Time that any set spans; what two of them span counts once."""
        seconds, until = 0.0, float("-inf")
        for start, end in sorted(self.spans.values()):
            seconds += max(0.0, end - max(start, until))
            until = max(until, end)
        return seconds / HOUR

    @property
    def through(self) -> float:
        """The end of the newest data; 0 without data."""
        return max((end for _, end in self.spans.values()), default=0.0)


_parse_time = lru_cache(maxsize=4096)(parse_time)


class Times(NamedTuple):
    """What a row says of time, in seconds since the epoch; None where it does not."""

    step: int
    """The number of the set that it is of."""
    opens: float | None
    closes: float | None
    """Of its window."""
    start: float | None
    end: float | None
    """Of its data."""

    def span(self, now: float) -> tuple[float, float] | None:
        """From when to when there is data, within the window and the past; None if never.

        ``minutes`` is not asked: it can be negative, shorter or longer than the window (opencost
        issues 2096 and 4057).
        """
        starts = [time for time in (self.opens, self.start) if time is not None]
        ends = [time for time in (self.closes, self.end) if time is not None]
        return _span(starts, ends, now)

    def window(self, now: float) -> tuple[float, float] | None:
        """The past of the window, which the data may not span; None where there is no window."""
        if self.opens is None or self.closes is None:
            return None
        return _span([self.opens], [self.closes], now)


def times_of(row: Row, step: int) -> Times:
    window = row.window or _NO_WINDOW
    texts = (window.start, window.end, row.start, row.end)
    return Times(step, *map(_parse_time, texts))


_NO_WINDOW = Span()


def _span(starts: Sequence[float], ends: Sequence[float], now: float) -> tuple[float, float] | None:
    if not starts or not ends:
        return None
    start, end = max(starts), min(*ends, now)
    return (start, end) if start < end else None
