"""The time by which marks come: a step of the clock counts when it has lasted."""

from __future__ import annotations

from otel_kubecost.clock import Clock
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

LASTING = 60.0
"""Seconds after which a step of the clock is believed."""


class Watch:
    """A clock that may be set, and the time that it showed before as long as that is in doubt.

    An hour that is wrong for some seconds is no mark to serve, and no gap. A machine that slept
    looks like a clock that was set forward: its monotonic clock slept as well.
    """

    def __init__(self, clock: Clock, tolerance: float) -> None:
        """Steps of ``tolerance`` seconds and less are the clock's own affair."""
        self._clock = clock
        self._tolerance = tolerance
        self._offset = clock.time() - clock.monotonic()
        self._doubted_since: float | None = None

    def time(self) -> float:
        """Seconds since the epoch."""
        time, elapsed = self._clock.time(), self._clock.monotonic()
        step = time - elapsed - self._offset
        if abs(step) > self._tolerance and not self._has_lasted(elapsed):
            return elapsed + self._offset
        if abs(step) > self._tolerance:
            way = "back" if step < 0 else "forward"
            _log.warning(f"The clock was set {way} by {abs(step):.0f} s; marks go by it from now")
        self._offset, self._doubted_since = time - elapsed, None
        return time

    def _has_lasted(self, elapsed: float) -> bool:
        if self._doubted_since is None:
            self._doubted_since = elapsed
        return elapsed - self._doubted_since >= LASTING
