"""Says that samples will be dropped, before they are: by age, and for want of room."""

from __future__ import annotations

from typing import Any

from otel_kubecost.clock import Clock
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

STEPS = (0.5, 0.75, 0.9)
"""A line each time that so much of the time or of the room is gone."""


class Forecast:
    """What will be lost if the receiver takes nothing. ``max_age`` in seconds; 0 is for ever."""

    def __init__(self, clock: Clock, max_age: float, **context: Any) -> None:
        self._clock = clock
        self._max_age = max_age
        self._log = _log.bind(**context)
        self._said = {"age": 0.0, "room": 0.0}
        self._began: tuple[float, float] | None = None

    def look(self, oldest: int | None, filled: float) -> None:
        """Nothing is delivered just now. ``oldest``: ms; ``filled``: the part of the room."""
        if oldest and self._max_age:
            left = self._max_age - (self._clock.time() - oldest / 1000)
            if self._is_news("age", 1 - left / self._max_age) and left > 0:
                self._log.warning(
                    f"In {_span(left)} the oldest samples will be too old and dropped",
                    hint="mend the receiver until then, or raise retention",
                )
        if self._is_news("room", filled):
            full = f"{min(filled, 1):.0%} full{self._until_full(filled)}"
            self._log.warning(f"The queue is {full}", hint=_ROOM)
        self._began = self._began or (self._clock.monotonic(), filled)

    def over(self) -> None:
        """Something was delivered."""
        self._began = None
        self._said = dict.fromkeys(self._said, 0.0)

    def _is_news(self, what: str, part: float) -> bool:
        reached = max((step for step in STEPS if part >= step), default=0.0)
        news = reached > self._said[what]
        self._said[what] = max(reached, self._said[what])
        return news

    def _until_full(self, filled: float) -> str:
        """At the rate of this outage."""
        if self._began is None or not self._began[1] < filled < 1:
            return ""
        since, before = self._began
        rate = (filled - before) / max(self._clock.monotonic() - since, 1e-9)
        return f", and will be in {_span((1 - filled) / rate)}"


_ROOM = (
    "then samples wait where they come from, or the oldest are dropped; "
    "mend the receiver, or raise max_bytes of the storage (without one: queue_config.capacity)"
)


def _span(seconds: float) -> str:
    """``3.2 days``, ``5.0 h``, ``12 min``."""
    if seconds >= 2 * 86_400:
        return f"{seconds / 86_400:.1f} days"
    return f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{max(1, round(seconds / 60))} min"
