"""How long something holds that is looked at again after an hour."""

from __future__ import annotations

from otel_kubecost.clock import Clock


class Hour:
    """An hour of a clock that never goes back, from when it last began."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.end()

    def begin(self) -> None:
        self._end = self._clock.monotonic() + 3600

    def end(self) -> None:
        self._end = float("-inf")

    @property
    def runs(self) -> bool:
        return self._clock.monotonic() < self._end
