"""Which batches are printed when many come at once."""

from __future__ import annotations


class Sampling:
    """Of each second the first ``initial``, and of the others every ``thereafter``-th."""

    def __init__(self, initial: int, thereafter: int) -> None:
        """With 0 for ``thereafter`` none of the others."""
        self._initial = initial
        self._thereafter = thereafter
        self._second = 0
        self._count = 0

    def takes(self, now: float) -> bool:
        """Whether the batch is printed that comes ``now``, in seconds since the epoch."""
        if int(now) != self._second:
            self._second, self._count = int(now), 0
        self._count += 1
        others = self._count - self._initial
        return others <= 0 or bool(self._thereafter and others % self._thereafter == 0)
