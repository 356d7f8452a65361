"""Threads that scrape: as many as scrapes are under way, none that the process waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_IDLE_SECONDS = 60.0
"""After which a thread without work ends: an outage of 500 targets needs as many for a while."""


class Crew:
    """Does what it is given at once, on daemon threads: a pool that the interpreter does not join.

    ``concurrent.futures`` waits for its threads when the process ends, and a target that hangs
    would hold it up.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._threads: set[threading.Thread] = set()

    def do(self, work: Callable[[], None]) -> None:
        """Returns at once. ``work`` raises nothing. Not for several threads at once."""
        self._work.put(work)
        if not self._idle.acquire(blocking=False):
            self._grow()

    def end(self) -> None:
        """Threads end after what they are at; nobody waits."""
        for _ in self._threads:
            self._work.put(None)

    def _grow(self) -> None:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the process may have no more: those that there are come to it
            _log.warning("There is no thread for a scrape, which has to wait for another one")
        self._threads = {one for one in (*self._threads, thread) if one.is_alive()}

    def _run(self) -> None:
        while work := self._next():
            work()
            self._idle.release()

    def _next(self) -> Callable[[], None] | None:
        while True:
            try:
                return self._work.get(timeout=_IDLE_SECONDS)
            except Empty:
                if self._idle.acquire(blocking=False):
                    return None  # else work was promised to this thread, and comes
