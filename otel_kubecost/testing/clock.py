"""Clocks for tests and simulations: one that stands still, one that runs fast."""

from __future__ import annotations

import threading
import time

_LOOK_EVERY = 0.002
"""Real seconds between two looks of a waiter at a clock that stands still."""


class FakeClock:
    """A clock that moves only when told to. Safe to use from several threads.

    >>> clock = FakeClock(start=1_700_000_000)
    >>> clock.advance(60)
    >>> clock.time()
    1700000060.0
    """

    def __init__(self, start: float = 0.0) -> None:
        self._start = float(start)
        self._elapsed = 0.0
        self._dues: list[float] = []
        self._changed = threading.Condition()

    def time(self) -> float:
        return self._start + self.monotonic()

    def monotonic(self) -> float:
        """Seconds that the clock was advanced since it was made."""
        with self._changed:
            return self._elapsed

    def advance(self, seconds: float) -> None:
        """Move on by ``seconds``; whoever waits for a time that has come wakes.

        Raises ValueError for negative seconds: a monotonic clock never goes back.
        """
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds} s: the clock never goes back")
        with self._changed:
            self._elapsed += seconds
            self._changed.notify_all()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait for ``stop`` or until the clock was advanced by ``seconds``; true when stopped."""
        with self._changed:
            due = self._elapsed + seconds
            self._dues.append(due)
            self._changed.notify_all()
            try:
                while not stop.is_set() and self._elapsed < due:
                    self._changed.wait(_LOOK_EVERY)
            finally:
                self._dues.remove(due)
        return stop.is_set()

    def wait_for_waiters(self, count: int = 1, timeout: float = 10.0) -> bool:
        """Let ``count`` threads come to wait on this clock, ``timeout`` real seconds at most.

        Advancing before that would move the time from which a late thread counts.
        """
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting() >= count, timeout)

    def _waiting(self) -> int:
        """Threads that wait for a time still to come; who is due is as good as gone."""
        return sum(due > self._elapsed for due in self._dues)


class ScaledClock:
    """A clock that starts at ``start`` (seconds since the epoch) and runs ``speed`` times faster.

    Waiting takes a ``speed``-th of the seconds asked for.
    """

    def __init__(self, start: float, speed: float) -> None:
        if speed <= 0:
            raise ValueError(f"speed {speed} would stop time; give a number above 0")
        self.speed = speed
        self._start = start
        self._origin = time.monotonic()

    def time(self) -> float:
        return self._start + self.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._origin) * self.speed

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(max(0.0, seconds) / self.speed)
