"""When a request is too old to be sent."""

from __future__ import annotations

from collections.abc import Callable

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.sending.entry import Entry, R


class Expiry:
    """After ``max_age`` seconds, 0 never, at the receiver's time ``there``."""

    def __init__(
        self, max_age: float, there: Callable[[], float | None] | None, clock: Clock
    ) -> None:
        self._max_age = max_age
        self._there = there or clock.time
        self._clock = clock

    def is_past(self, entry: Entry[R]) -> bool:
        """By the receiver's clock; by ours only where it was asked and did not say its time."""
        now = self._there() or (self._clock.time() if entry.attempts else 0.0)
        newest = entry.request.newest
        return bool(self._max_age and newest) and newest < (now - self._max_age) * 1000
