"""What a queue says: a line when trouble begins and one when it ends, not one an attempt."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

FIRST_PAUSE = 60.0
"""Seconds between the first two lines about single requests with one reason."""
LONGEST_PAUSE = 600.0
NAMED_SERIES = 10
"""How many series a line names."""


@dataclass(slots=True)
class _Remark:
    """What is still to be said of single requests with one reason, and when it may be."""

    verdict: Verdict
    samples: int = 0
    unsaid: bool = False
    due: float = float("-inf")
    pause: float = 0.0
    since: float = 0.0
    """When it began."""
    series: dict[str, None] = field(default_factory=dict)

    def add(self, verdict: Verdict, samples: int) -> None:
        self.verdict = verdict
        self.samples += samples
        self.unsaid = True
        if verdict.series and len(self.series) < NAMED_SERIES:
            self.series[verdict.series] = None

    def is_quiet(self, now: float) -> bool:
        """A conflict is news when it lasts: another agent that catches up is done in minutes."""
        return self.verdict.conflict and (self._calm(now) or now < self.since + LONGEST_PAUSE)

    def said(self, now: float) -> None:
        """Each pause is twice the one before; after a long calm the first comes again."""
        if self._calm(now):
            self.pause, self.since = FIRST_PAUSE, now
        else:
            self.pause = min(2 * self.pause, LONGEST_PAUSE)
        self.due = now + self.pause
        self.forget()

    def forget(self) -> None:
        self.samples, self.unsaid, self.series = 0, False, {}

    def _calm(self, now: float) -> bool:
        return now > self.due + LONGEST_PAUSE

    @property
    def keys(self) -> dict[str, Any]:
        """What a line has beside its sentence."""
        verdict = self.verdict
        given = {"hint": verdict.hint, "series": list(self.series)}
        return {"reason": verdict.reason, "samples": self.samples, **_only_given(given)}


class Episodes:
    """Turns verdicts into log lines. ``context`` goes with each (exporter, endpoint).

    A receiver that cannot take anything is one episode, from the first refusal to the first
    request that it answers, with a line more where the reason changes. What concerns single
    requests (partly stored, dropped, pushed out of a full queue) is said at once; what goes on is
    said again after a minute, two, four and so on, at last every ten minutes, each time with the
    samples since the line before. The end of an episode, and the end of all, have what was not
    said yet: all lines together have every sample.

    That the receiver has samples already, or newer ones, is no warning before it has gone on for
    ten minutes: a second agent makes that happen.
    """

    def __init__(self, clock: Clock, **context: Any) -> None:
        self._clock = clock
        self._log = _log.bind(**context)
        self._began = 0.0
        self._remarks: dict[tuple[str, Action], _Remark] = {}
        self.trouble = ""
        """The reason of the present episode; empty between episodes."""

    def note(self, verdict: Verdict, samples: int, pending: int) -> None:
        """``verdict`` was the answer to a request of ``samples``; ``pending`` still wait."""
        if verdict.action is Action.WAIT:
            return
        if verdict.action in {Action.RETRY, Action.HOLD}:
            self._enter(verdict, pending)
            return
        self._leave(pending)
        if verdict.reason:
            self.remark(verdict, sum(verdict.refused.values()) or samples)
        else:
            self._say_what_is_due()

    def remark(self, verdict: Verdict, samples: int) -> None:
        """Something about ``samples`` that were not simply delivered."""
        key = verdict.reason, verdict.action
        self._remarks.setdefault(key, _Remark(verdict)).add(verdict, samples)
        self._say_what_is_due()

    def end(self) -> None:
        """Say everything that was not said yet."""
        for remark in self._unsaid():
            self._say(remark)

    def _unsaid(self) -> list[_Remark]:
        return [remark for remark in self._remarks.values() if remark.unsaid]

    def _say_what_is_due(self) -> None:
        now = self._clock.monotonic()
        for remark in self._unsaid():
            if now >= remark.due:
                self._say(remark)

    def _say(self, remark: _Remark) -> None:
        now, verdict = self._clock.monotonic(), remark.verdict
        quiet = verdict.action is Action.SPLIT or remark.is_quiet(now)
        say = self._log.info if quiet else self._log.warning
        say(_sentence(verdict.message), **remark.keys)
        remark.said(now)

    def _enter(self, verdict: Verdict, pending: int) -> None:
        if verdict.reason == self.trouble:
            return
        if not self.trouble:
            self._began = self._clock.monotonic()
        self.trouble = verdict.reason
        say = self._log.error if verdict.action is Action.HOLD else self._log.warning
        event = _sentence(f"{verdict.message}; the data is kept and offered again")
        say(event, reason=verdict.reason, pending=pending, **_only_given({"hint": verdict.hint}))

    def _leave(self, pending: int) -> None:
        if self.trouble:
            seconds = round(self._clock.monotonic() - self._began)
            event = f"The receiver answers again after {seconds} s"
            unsaid: Counter[str] = Counter()
            for remark in [remark for remark in self._unsaid() if not remark.series]:
                unsaid[remark.verdict.reason] += remark.samples
                remark.forget()
            self._log.info(event, was=self.trouble, pending=pending, unsaid=dict(unsaid))
            self.trouble = ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _only_given(keys: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value}
