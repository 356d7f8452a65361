"""Which stretch of time is asked for: closed, settled hours, said explicitly. Pure.

A window named on the server's side (``24h``, ``today``) means different things to different
versions and may end in the future (OpenCost PRs 2225 and 2768), so it is never sent. An hour that
is still being computed answers with nothing or with too little; the end is therefore the last full
hour that had ``settle_delay`` to become complete::

    now 12:10, settle_delay 20m    ... | 10:00-11:00 | 11:00-12:00 | 12:00-
                                              end ──┘  not settled   not closed

All of it is UTC, as Kubecost's own days and months are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias, get_args

from otel_kubecost.clock import floor_mark

HOUR = 3600
DAY = 24 * HOUR

NamedWindow: TypeAlias = Literal["today", "yesterday", "month"]
NAMED_WINDOWS: tuple[str, ...] = get_args(NamedWindow)


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open stretch of time, in whole seconds since the epoch."""

    start: int
    end: int

    @property
    def hours(self) -> float:
        return (self.end - self.start) / HOUR

    def __str__(self) -> str:
        """``<start>Z,<end>Z``: fractions of a second and ``+00:00`` are refused by the API."""
        return f"{rfc3339(self.start)},{rfc3339(self.end)}"


def plan(
    now: float, window: float | NamedWindow, settle_delay: float, step: float = HOUR
) -> Window:
    """The newest window whose last ``step`` (seconds) closed ``settle_delay`` seconds ago.

    ``window`` is a length in seconds, or one of Kubecost's words. ``today`` and ``month`` begin
    with the day and the month of the last settled hour: until the first hour of a new day has
    settled, today is the whole day before.
    """
    settled = now - settle_delay
    if window == "yesterday":
        midnight = int(floor_mark(settled, DAY))
        return Window(midnight - DAY, midnight)
    end = int(floor_mark(settled, step))
    if window == "today":
        return Window(int(floor_mark(end - 1, DAY)), end)
    if window == "month":
        return Window(_first_of_month(end - 1), end)
    return Window(end - round(float(window)), end)


def _first_of_month(seconds: int) -> int:
    first = datetime.fromtimestamp(seconds, UTC).replace(day=1, hour=0, minute=0, second=0)
    return round(first.timestamp())


_LAST_MOMENT = 2**33
"""In the year 2242. Later times, and those before 1970, are nobody's hours."""


def parse_time(text: str | None) -> float | None:
    """Seconds since the epoch of an API timestamp; None for ``"null"`` and other non-times."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < _LAST_MOMENT else None


def rfc3339(seconds: float) -> str:
    """``2026-11-23T11:00:00Z``, fractions of a second cut off."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
