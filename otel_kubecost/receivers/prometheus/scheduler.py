"""When which target is scraped: one thread looks at the clock, others do the work."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from functools import partial
from itertools import count

from otel_kubecost.clock import Clock
from otel_kubecost.receivers.prometheus.crew import Crew
from otel_kubecost.receivers.prometheus.running import Running
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_LONGEST_WAIT = 60.0
"""Seconds, if nothing is to be done."""


class Scheduler:
    """Has ``work`` done for each target whenever it is due, on a thread of its own.

    A target waits here or is being worked at, so never two do that at once, and one that is slow
    delays no other.
    """

    def __init__(self, name: str, clock: Clock, work: Callable[[Running], None]) -> None:
        """``work`` says in ``planned`` when the target is due next."""
        self._name = name
        self._clock = clock
        self._work = work
        self._crew = Crew(f"{name}.scrape")
        self._waiting: list[tuple[float, int, Running]] = []
        self._numbers = count()
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._is_ended = False
        self._thread: threading.Thread | None = None

    def add(self, one: Running) -> None:
        """Work at ``one`` when it is planned, until it is gone."""
        now = self._clock.time() * 1000
        wait = min(one.planned - now, one.interval) / 1000  # the clock may have been set back
        with self._lock:
            due = self._clock.monotonic() + wait
            heapq.heappush(self._waiting, (due, next(self._numbers), one))
            is_first = self._waiting[0][2] is one
        if is_first:
            self._changed.set()

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def shutdown(self) -> None:
        """Begin nothing more. What is under way is left behind."""
        self._is_ended = True
        self._changed.set()
        if self._thread:
            self._thread.join()
        self._crew.end()

    def _run(self) -> None:
        while not self._is_ended:
            self._changed.clear()
            for one in self._due():
                self._crew.do(partial(self._one, one))
            self._clock.wait(self._changed, self._left())

    def _one(self, one: Running) -> None:
        try:
            self._work(one)
        except Exception:  # noqa: BLE001  a defect: the target's next turn comes all the same
            one.planned += one.interval
            _log.exception("A scrape came to no end", url=one.url)
        if not (one.is_gone or self._is_ended):
            self.add(one)

    def _due(self) -> list[Running]:
        found = []
        with self._lock:
            now = self._clock.monotonic()
            while self._waiting and self._waiting[0][0] <= now:
                one = heapq.heappop(self._waiting)[2]
                if not one.is_gone:
                    found.append(one)
        return found

    def _left(self) -> float:
        with self._lock:
            if not self._waiting:
                return _LONGEST_WAIT
            return min(max(0.0, self._waiting[0][0] - self._clock.monotonic()), _LONGEST_WAIT)
