"""Several calls at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable


def at_once(calls: Iterable[Callable[[], None]], patience: Callable[[], float]) -> bool:
    """Make all ``calls``, each on a thread of its own; wait ``patience()`` seconds for the next.

    Gives whether all have come back; one that has not is left behind.

    Where no thread can be had it is made here, one after the other: a process may have reached its
    limit, and Python 3.12 starts none while a process ends (cpython#113964).
    """
    threads: list[threading.Thread] = []
    for call in calls:
        thread = threading.Thread(target=call, daemon=True)
        try:
            thread.start()
        except RuntimeError:
            call()
        else:
            threads.append(thread)
    for thread in threads:
        thread.join(patience())
    return not any(thread.is_alive() for thread in threads)
