"""Requests that are text, a receiver of them, and a clock for which waiting takes no time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.testing import FakeClock

DONE = Verdict(Action.DONE)
RETRY = Verdict(Action.RETRY, "status_503", "the receiver is busy or down (503)")
HOLD = Verdict(Action.HOLD, "credentials_refused", "refused (401)", "check basic_auth", 60.0)
DROP = Verdict(Action.DROP, "refused", "the receiver refused a request (400)")
SPLIT = Verdict(
    Action.SPLIT,
    "too_large",
    "the request is too large (413); sent in halves",
    alone="one series alone is too large for the receiver (413)",
)
FUTURE = Verdict(Action.SPLIT, "future", "samples lie ahead", alone="samples lie ahead alone")


@dataclass(frozen=True)
class Letters:
    """A request of one sample a letter, each of a series of its own."""

    text: str
    newest: int = 0

    @property
    def body(self) -> bytes:
        return self.text.encode()

    @property
    def kind(self) -> str:
        return "letters"

    @property
    def samples(self) -> int:
        return len(self.text)

    @property
    def series(self) -> int:
        return len(self.text)

    @property
    def title(self) -> str:
        return self.text[:1]

    def split(self) -> list[Letters]:
        half = len(self.text) // 2
        return [Letters(self.text[:half]), Letters(self.text[half:])] if half else []

    def only(self, place: float) -> Letters:
        return Letters(self.text[int(place * len(self.text))], self.newest)


@dataclass
class Receiver:
    """Answers as scripted, then takes everything."""

    script: list[Verdict] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    taken: str = ""
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def send(self, request: Letters, attempt: int) -> Verdict:
        self.gate.wait()
        self.offered.append(request.text)
        self.attempts.append(attempt)
        verdict = self.script.pop(0) if self.script else DONE
        if verdict.action is Action.DONE:
            self.taken += request.text
        return verdict


class InstantClock(FakeClock):
    """A clock for which every wait is over at once."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.advance(seconds)
        return stop.is_set()
