"""Signals as values: the handler only notes them, the main thread acts on them."""

from __future__ import annotations

import signal
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import FrameType, TracebackType
from typing import Any, Self

_LOOK_EVERY = 1.0
"""Seconds: the system may give a signal to any thread, which then does not wake the main one."""


class Signals:
    """SIGTERM, SIGINT and SIGHUP while the context lasts. For the main thread.

    After the first SIGTERM or SIGINT the next one does what it does by default: it ends the
    process at once.
    """

    def __init__(self) -> None:
        self._arrived: SimpleQueue[int] = SimpleQueue()  # may be interrupted by its own ``put``
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self) -> int:
        """The next signal's number."""
        while True:
            with suppress(Empty):
                return self._arrived.get(timeout=_LOOK_EVERY)

    def _note(self, number: int, _: FrameType | None) -> None:
        if number != signal.SIGHUP:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._arrived.put(number)
