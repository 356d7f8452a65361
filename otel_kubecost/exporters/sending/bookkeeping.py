"""What follows from a verdict: for the backlog, for the log, and for the next attempt."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Generic

from otel_kubecost.exporters.sending.backlog import Backlog
from otel_kubecost.exporters.sending.entry import Entry, R
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.forecast import Forecast
from otel_kubecost.exporters.sending.losses import AT_THE_END, DISK_FULL, FULL, indivisible
from otel_kubecost.exporters.sending.retry import PROBE_SECONDS, Action, Verdict, backoff
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_SETBACKS = frozenset({Action.RETRY, Action.HOLD})


class Bookkeeping(Generic[R]):
    """The state of one queue beside its backlog. Not for several threads at once."""

    def __init__(
        self,
        episodes: Episodes,
        forecast: Forecast,
        *,
        min_backoff: float,
        max_backoff: float,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._episodes = episodes
        self._forecast = forecast
        self._backoff = (min_backoff, max_backoff, random)
        self._lost_before = 0
        self.failures = 0
        """Attempts in a row that failed for a reason that passes."""
        self.setbacks = 0
        """Attempts, of all, that failed for a reason that lies not in the request."""
        self.held = False
        """Whether somebody has to mend the configuration first."""
        self.closing = False
        """Whether what cannot be delivered at once is left to the next process, or lost."""
        self.stopped = False

    @property
    def in_trouble(self) -> bool:
        return self.held or self.failures > 0

    def settle(self, backlog: Backlog[R], entry: Entry[R], verdict: Verdict, seen: int) -> float:
        """Book what came of an attempt, before which there had been ``seen`` setbacks.

        Of those that were under way when trouble began, none says that it is over.
        Returns how many seconds to wait before the next.
        """
        is_news = seen == self.setbacks
        if is_news or verdict.action in _SETBACKS:
            self.held = verdict.action is Action.HOLD
        self._book(backlog, entry, verdict)
        if self.held:
            backlog.hold()
        self._tell(backlog, verdict, entry.request.samples - verdict.written, is_news)
        pause = self._pause(verdict, is_news)
        return 0.0 if self.stopped else pause

    def lose(self, backlog: Backlog[R], entry: Entry[R], why: Verdict) -> None:
        backlog.dropped(entry, why.reason)
        self._episodes.remark(why, entry.request.samples)

    def remark_overflow(self, backlog: Backlog[R]) -> None:
        overflow, backlog.overflow = backlog.overflow, 0
        if overflow:
            self._episodes.remark(DISK_FULL if backlog.is_durable else FULL, overflow)

    def begin(self, backlog: Backlog[R]) -> None:
        """What was lost before is not lost at the end."""
        self._lost_before = _lost(backlog)

    def end(self, backlog: Backlog[R], *, quietly: bool) -> int:
        """Drop what does not outlive the process; gives the samples that were lost by the end."""
        self.stopped = True
        backlog.refuse(AT_THE_END.reason)
        backlog.abandon(AT_THE_END.reason)
        pending, lost = backlog.stats().pending, _lost(backlog) - self._lost_before
        lost += 0 if backlog.is_durable else pending
        if lost and not quietly:
            self._episodes.remark(AT_THE_END, lost)
        if pending and backlog.is_durable and not quietly:
            event = f"{pending} samples stay in the spool for the next start"
            _log.info(event, pending=pending)
        self._episodes.end()
        return lost

    def _tell(self, backlog: Backlog[R], verdict: Verdict, lost: int, is_news: bool) -> None:
        if verdict.action in _SETBACKS:
            self._forecast.look(backlog.oldest_pending, backlog.filled)
        elif not is_news:
            if verdict.reason:
                self._episodes.remark(verdict, sum(verdict.refused.values()) or lost)
            return
        elif verdict.action is not Action.WAIT:
            self._forecast.over()
        self._episodes.note(verdict, lost, backlog.stats().pending)

    def _book(self, backlog: Backlog[R], entry: Entry[R], verdict: Verdict) -> None:
        if verdict.action is Action.DONE:
            partly = bool(verdict.reason) and not verdict.written
            backlog.delivered(entry, verdict.refused, partly=partly)
        elif verdict.action is Action.DROP:
            backlog.dropped(entry, verdict.reason, verdict.written)
        elif self.stopped or (self.closing and (self.held or backlog.is_durable)):
            self._leave(backlog, entry)
        elif verdict.action is Action.SPLIT:
            if not backlog.split(entry, verdict.reason):
                self._episodes.remark(indivisible(verdict), entry.request.samples)
        else:
            backlog.again(entry, attempts=verdict.action is not Action.WAIT)

    def _leave(self, backlog: Backlog[R], entry: Entry[R]) -> None:
        """At the end, what cannot be delivered now."""
        if backlog.is_durable:
            backlog.again(entry)
        else:
            backlog.lost(entry, AT_THE_END.reason)
        self.stopped = True

    def _pause(self, verdict: Verdict, is_news: bool) -> float:
        self.setbacks += verdict.action in _SETBACKS
        if verdict.action in {Action.HOLD, Action.WAIT}:
            return verdict.retry_after or PROBE_SECONDS
        if verdict.action is not Action.RETRY:
            self.failures = 0 if is_news else self.failures
            return 0.0
        minimum, maximum, chance = self._backoff
        self.failures = max(1, self.failures + is_news)  # those of one time are one failure
        wait = backoff(self.failures - 1, minimum=minimum, maximum=maximum, random=chance)
        return verdict.retry_after or wait


def _lost(backlog: Backlog[R]) -> int:
    return backlog.stats().dropped.get(AT_THE_END.reason, 0)
