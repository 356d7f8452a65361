"""The threads that send: as many as there are shards, and all of them anew after a fork."""

from __future__ import annotations

import threading
from collections.abc import Callable

from otel_kubecost.clock import Deadline


class Crew:
    """Threads that do ``work`` until it returns. Not for several threads at once."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._threads: list[threading.Thread] = []

    @property
    def is_gone(self) -> bool:
        """Whether there were threads and none is left: none survives a fork of the process."""
        return bool(self._threads) and not any(one.is_alive() for one in self._threads)

    def grow(self, count: int) -> None:
        """Start what is missing to ``count``."""
        self._threads = [one for one in self._threads if one.is_alive()]
        for _ in range(len(self._threads), count):
            thread = threading.Thread(target=self._work, name="otel-kubecost-send", daemon=True)
            thread.start()
            self._threads.append(thread)

    def can_spare(self, count: int) -> bool:
        """Whether the thread that asks is one more than ``count``; it is forgotten then."""
        if len(self._threads) <= count:
            return False
        self._threads.remove(threading.current_thread())
        return True

    def join(self, deadline: Deadline) -> None:
        """Wait for those that there are now."""
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join(deadline.left())
