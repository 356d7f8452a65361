"""How many hours an answer's data spans: what costs are divided by. Pure.

A window of 24 hours asked of a cluster that is 3 hours old holds 3 hours of cost. Dividing by 24
would report an eighth of the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from otel_kubecost.receivers.kubecost.rows import Row
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


def span_of(row: Row, now: float) -> tuple[float, float] | None:
    """From when to when a row has data, within its window and the past; None where it has none.

    ``minutes`` is not asked: it can be negative, shorter or longer than the window (opencost
    issues 2096 and 4057).
    """
    opens, closes = _window(row)
    starts = [time for time in (opens, _parse_time(row.start)) if time is not None]
    ends = [time for time in (closes, _parse_time(row.end)) if time is not None]
    return _span(starts, ends, now)


def window_of(row: Row, now: float) -> tuple[float, float] | None:
    """The past of a row's window, which its data may not span; None where it says none."""
    opens, closes = _window(row)
    if opens is None or closes is None:
        return None
    return _span([opens], [closes], now)


def _window(row: Row) -> tuple[float | None, float | None]:
    if row.window is None:
        return None, None
    return _parse_time(row.window.start), _parse_time(row.window.end)


def _span(starts: Sequence[float], ends: Sequence[float], now: float) -> tuple[float, float] | None:
    if not starts or not ends:
        return None
    start, end = max(starts), min(*ends, now)
    return (start, end) if start < end else None
