"""Time as an argument: marks and windows go by a clock that is handed in.

Sockets and threads do not know of it: how long they may take is real time, a ``Deadline``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Clock(Protocol):
    """What the package asks of time."""

    def time(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back."""
        ...

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Wait for ``stop``, ``seconds`` at most; true when ``stop`` is set."""
        ...


class SystemClock:
    """The clock of the machine."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(max(0.0, seconds))


class Deadline:
    """A moment in real time, ``seconds`` from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """How far away it was in the beginning."""
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until then; 0 when it has come."""
        return max(0.0, self._end - time.monotonic())

    def left_millis(self) -> float:
        return self.left() * 1000

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Put it off by the time that is spent within."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._end += time.monotonic() - began


def floor_mark(now: float, interval: float) -> float:
    """The latest mark of the grid ``k * interval`` that is not after ``now`` (seconds)."""
    return (now // interval) * interval
