"""A request on its way, and what becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, Self, TypeVar

from otel_kubecost.storage import Place


class Sendable(Protocol):
    """What a queue asks of a request."""

    @property
    def body(self) -> bytes: ...
    @property
    def kind(self) -> str:
        """What ``body`` is an encoding of."""
        ...

    @property
    def samples(self) -> int: ...
    @property
    def series(self) -> int: ...
    @property
    def title(self) -> str:
        """Its first series, as a log has it."""
        ...

    @property
    def newest(self) -> int:
        """Milliseconds since the epoch; 0 where there are no samples."""
        ...

    def split(self) -> Sequence[Self]:
        """Smaller requests with the same samples; empty where it cannot be smaller."""
        ...

    def only(self, place: float) -> Self:
        """A request of one of its series: from 0, the first, to just below 1, the last."""
        ...


R = TypeVar("R", bound=Sendable)


class Outcome(StrEnum):
    DELIVERED = "delivered"
    HELD = "held"
    """Kept, and waiting for somebody to mend the configuration."""
    DROPPED = "dropped"


class Ticket:
    """What becomes of one request, whatever parts it is sent in."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._outcome: Outcome | None = None
        self._parts = 1
        self._is_whole = True

    def wait(self, timeout: float | None = None) -> Outcome | None:
        """The outcome, as soon as there is one; None after ``timeout`` seconds without."""
        self._known.wait(timeout)
        return self._outcome

    def add_parts(self, count: int) -> None:
        self._parts += count

    def delivered(self) -> None:
        """One part is. A request is delivered when all its parts are."""
        self._settle_part()

    def dropped(self) -> None:
        """One part is, and with it the request, as soon as the others are settled."""
        self._is_whole = False
        self._settle_part()

    def held(self) -> None:
        if self._outcome is None:
            self._settle(Outcome.HELD)

    def _settle_part(self) -> None:
        self._parts -= 1
        if self._parts == 0:
            self._settle(Outcome.DELIVERED if self._is_whole else Outcome.DROPPED)

    def _settle(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._known.set()


@dataclass(slots=True)
class Trial(Generic[R]):
    """A request that was refused as a whole is taken apart; its parts share this."""

    witness: R
    """One series that the receiver takes."""
    refusals: int = 0


@dataclass(slots=True, eq=False)
class Entry(Generic[R]):
    """A request on its way."""

    request: R
    place: Place
    ticket: Ticket
    attempts: int = 0
    """How often it was offered and has to be offered again."""
    trial: Trial[R] | None = None
    rounds: int = 0
    """How often a witness was sought for its trial."""
