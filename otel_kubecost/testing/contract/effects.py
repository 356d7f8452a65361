"""What a call does to the process that it runs in: threads, files, sockets, logging."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_LOOK_EVERY = 0.01
"""Seconds between two looks at what goes away by and by."""
_DESCRIPTORS = Path("/proc/self/fd")

_EFFECTS: Mapping[str, str] = {
    "open": "opened the file {0}",
    "os.listdir": "looked into the directory {0}",
    "os.mkdir": "made the directory {0}",
    "os.remove": "removed the file {0}",
    "os.rename": "renamed the file {0}",
    "socket.__new__": "made a socket",
    "socket.getaddrinfo": "asked for the address of {0}",
    "sqlite3.connect": "opened the database {0}",
    "subprocess.Popen": "started the program {0}",
}
"""Audit events of the interpreter (PEP 578), and what they say."""


class _Watch(threading.local):
    """What is done on a thread; None where nobody watches it."""

    seen: list[str] | None = None


_watch = _Watch()
_hooked = threading.Event()


def watched(call: Callable[[], T]) -> tuple[T, list[str]]:
    """What ``call`` gives, and what it did outside on this thread, with the threads it started.

    To be called twice where it imports something: reading a module counts as any reading.
    """
    if not _hooked.is_set():
        _hooked.set()
        sys.addaudithook(_see)  # for good: the interpreter has no way back
    before = set(threading.enumerate())
    seen: list[str] = []
    _watch.seen = seen
    try:
        given = call()
    finally:
        _watch.seen = None
    return given, [*seen, *_started(before)]


def _see(event: str, arguments: tuple[Any, ...]) -> None:
    if _watch.seen is not None and event in _EFFECTS:
        _watch.seen.append(_EFFECTS[event].format(*arguments, "?"))


def _started(before: set[threading.Thread]) -> list[str]:
    """Python 3.11 has no event for it."""
    return [f"started the thread {one.name!r}" for one in set(threading.enumerate()) - before]


class Leftovers:
    """What threads and descriptors there are now and were not when it was made."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._descriptors = _descriptors()

    def found(self, patience: float) -> list[str]:
        """Those that do not go away within ``patience`` seconds: the end of some takes a moment."""
        end = time.monotonic() + patience
        while (there := self._there()) and time.monotonic() < end:
            gc.collect()  # what an exception's traceback held on to is nobody's any more
            time.sleep(_LOOK_EVERY)
        return there

    def _there(self) -> list[str]:
        threads = [one for one in threading.enumerate() if one not in self._threads]
        opened = _descriptors().items() - self._descriptors.items()
        return [
            *(f"the thread {one.name!r} runs" for one in threads),
            *(f"{target} is open" for _, target in sorted(opened)),
        ]


def _descriptors() -> Mapping[str, str]:
    """What is open, by its number. Empty where the system does not tell."""
    found = {}
    with suppress(FileNotFoundError):
        for descriptor in _DESCRIPTORS.iterdir():
            with suppress(FileNotFoundError):  # that of the listing itself
                found[descriptor.name] = str(descriptor.readlink())
    return found


def logging_setup() -> tuple[int, tuple[logging.Handler, ...]]:
    """How the process logs, as far as its root logger says."""
    root = logging.getLogger()
    return root.level, tuple(root.handlers)
