"""Which stretch of time is asked for: closed, settled hours, said explicitly. Pure.

A window named on the server's side (``24h``, ``today``) means different things to different
versions and may end in the future (OpenCost PRs 2225 and 2768), so it is never sent. An hour that
is still being computed answers with nothing or with too little; the end is therefore the last full
hour that had ``settle_delay`` to become complete.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from otel_kubecost.clock import floor_mark

HOUR = 3600


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open stretch of time, in whole seconds since the epoch."""

    start: int
    end: int

    @property
    def hours(self) -> float:
        return (self.end - self.start) / HOUR

    def earlier(self, hours: int) -> Window:
        return Window(self.start - hours * HOUR, self.end - hours * HOUR)

    def __str__(self) -> str:
        """``<start>Z,<end>Z``: fractions of a second and ``+00:00`` are refused by the API."""
        return f"{rfc3339(self.start)},{rfc3339(self.end)}"


def plan(now: float, length: float, settle_delay: float) -> Window:
    """The newest window of ``length`` seconds whose last hour closed ``settle_delay`` ago."""
    end = int(floor_mark(now - settle_delay, HOUR))
    return Window(end - round(length), end)


def parse_time(text: str | None) -> float | None:
    """Seconds since the epoch of an API timestamp; None for ``"null"`` and other non-times."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def rfc3339(seconds: float) -> str:
    """``2026-11-23T11:00:00Z``, fractions of a second cut off."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
