"""When a target is scraped: at its own place in each interval, and what its samples' time is. Pure.

Times are milliseconds since the epoch. The place follows from the target alone, so targets are
spread over the interval, and a restart goes on with the same times.
"""

from __future__ import annotations

_TOLERANCE = 2
"""A scrape that begins so late counts as in time: equal distances take less room in a database
(``ScrapeTimestampTolerance`` of Prometheus)."""


def first_time(identity: str, interval: int, now: int) -> int:
    """The first time after ``now`` at the place of a target; ``identity`` is hexadecimal."""
    offset = int(identity, 16) % interval
    return now + interval - (now - offset) % interval


def time_of_scrape(planned: int, interval: int, now: int) -> tuple[int, int]:
    """The time of the samples of a scrape that begins ``now``, and when it was to begin.

    ``planned`` may be some intervals ago. It goes by the clock where that was set back.
    """
    late, tolerance = now - planned, min(_TOLERANCE, interval // 100)
    if late < -tolerance:
        return now, now
    due = planned + max(0, late // interval) * interval
    return (due if now - due <= tolerance else now), due
