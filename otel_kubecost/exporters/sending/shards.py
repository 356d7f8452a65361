"""How many requests may be under way at the same time.

Prometheus' arithmetic (storage/remote/queue_manager.go, ``calculateDesiredShards``): what comes in
a second, and a twentieth of what waits, times how long a sample takes to be sent. What is near to
the present number changes nothing.
"""

from __future__ import annotations

from math import ceil

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.sending.stats import ShardStats

EVERY = 10.0
"""Seconds between two decisions."""
_WEIGHT = 0.2
"""Of the newest period in the averages."""
_CATCH_UP = 0.05
"""The part of what waits that is to be sent in a second."""
_TOLERANCE = 0.3
"""A change of less than this part is none."""


class Shards:
    """Grows and shrinks ``current`` between ``minimum`` and ``maximum``."""

    def __init__(self, minimum: int, maximum: int, clock: Clock) -> None:
        self._minimum = minimum
        self._maximum = maximum
        self._clock = clock
        self._decided = clock.monotonic()
        self._came = 0
        self._sent = 0
        self._busy = 0.0
        self._rate = 0.0
        self._per_sample = 0.0
        self._desired = float(minimum)
        self.current = minimum

    def came(self, samples: int) -> None:
        self._came += samples

    def sent(self, samples: int, seconds: float) -> None:
        """A request of ``samples`` was taken after so long, from the POST to its answer.

        How long a refusal took says nothing: the one is a slow receiver's, the other nobody's.
        """
        self._sent += samples
        self._busy += seconds

    def decide(self, pending: int) -> None:
        """Every ten seconds: how many would keep up, with ``pending`` samples that wait.

        Not before something was taken: an outage is no reason to meet its end with more.
        """
        period = self._clock.monotonic() - self._decided
        if period < EVERY or not self._sent:
            return
        self._rate = _average(self._rate, self._came / period)
        self._per_sample = _average(self._per_sample, self._busy / self._sent)
        self._desired = self._per_sample * (self._rate + _CATCH_UP * pending)
        if abs(self._desired - self.current) > _TOLERANCE * self.current:
            self.current = min(max(self._minimum, ceil(self._desired)), self._maximum)
        self._decided, self._came, self._sent, self._busy = self._clock.monotonic(), 0, 0, 0.0

    def stats(self) -> ShardStats:
        return ShardStats(self._minimum, self._maximum, self.current, self._desired)


def _average(before: float, now: float) -> float:
    return now if before == 0 else before + _WEIGHT * (now - before)
