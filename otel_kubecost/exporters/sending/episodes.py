"""What a queue says: a line when trouble begins and one when it ends, not one an attempt."""

from __future__ import annotations

from collections import Counter
from typing import Any

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_SAY_AGAIN_SECONDS = 600.0
"""Between two lines about single requests with one reason; the later one has their number."""


class Episodes:
    """Turns verdicts into log lines. ``context`` goes with each (exporter, endpoint).

    A receiver that cannot take anything is one episode, from the first refusal to the first
    request that it answers, with a line more where the reason changes. What concerns single
    requests (partly stored, dropped) is said at once, and then every ten minutes with how much;
    the end of an episode has what was not said yet.
    """

    def __init__(self, clock: Clock, **context: Any) -> None:
        self._clock = clock
        self._log = _log.bind(**context)
        self._began = 0.0
        self._said: dict[str, float] = {}
        self._unsaid: Counter[str] = Counter()
        self.trouble = ""
        """The reason of the present episode; empty between episodes."""

    def note(self, verdict: Verdict, samples: int, pending: int) -> None:
        """``verdict`` was the answer to a request of ``samples``; ``pending`` still wait."""
        if verdict.action in {Action.RETRY, Action.HOLD}:
            self._enter(verdict, pending)
            return
        self._leave(pending)
        if verdict.reason:
            self.remark(verdict, samples)

    def remark(self, verdict: Verdict, samples: int) -> None:
        """Something about ``samples`` that were not simply delivered."""
        reason, now = verdict.reason, self._clock.monotonic()
        self._unsaid[reason] += samples
        if reason in self._said and now - self._said[reason] < _SAY_AGAIN_SECONDS:
            return
        say = self._log.info if verdict.action is Action.SPLIT else self._log.warning
        say(
            _sentence(verdict.message),
            reason=reason,
            samples=self._unsaid.pop(reason),
            **_hint(verdict),
        )
        self._said[reason] = now

    def _enter(self, verdict: Verdict, pending: int) -> None:
        if verdict.reason == self.trouble:
            return
        if not self.trouble:
            self._began = self._clock.monotonic()
        self.trouble = verdict.reason
        say = self._log.error if verdict.action is Action.HOLD else self._log.warning
        event = _sentence(f"{verdict.message}; the data is kept and offered again")
        say(event, reason=verdict.reason, pending=pending, **_hint(verdict))

    def _leave(self, pending: int) -> None:
        if self.trouble:
            seconds = round(self._clock.monotonic() - self._began)
            event = f"The receiver answers again after {seconds} s"
            unsaid, self._unsaid = dict(self._unsaid), Counter()
            self._log.info(event, was=self.trouble, pending=pending, unsaid=unsaid)
            self.trouble = ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _hint(verdict: Verdict) -> dict[str, str]:
    return {"hint": verdict.hint} if verdict.hint else {}
