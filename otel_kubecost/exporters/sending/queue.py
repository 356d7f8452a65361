"""The sending queue: requests go out one after another, from one thread, until they are settled."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from typing import Generic

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.sending.backlog import Backlog, Stats
from otel_kubecost.exporters.sending.entry import Entry, R, Ticket
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.isolation import Isolation, is_suspect
from otel_kubecost.exporters.sending.losses import (
    AT_THE_END,
    DEFECT,
    FULL,
    TOO_OLD,
    indivisible,
)
from otel_kubecost.exporters.sending.retry import PROBE_SECONDS, Action, Verdict, backoff
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class SendingQueue(Generic[R]):
    """Takes requests at once and sends them in order, with backoff, from a thread of its own.

    ``send(request, attempt)`` makes one attempt (0 is the first) and says what came of it. The
    thread starts with the first request, or with ``start``. Requests whose newest sample is older
    than ``max_age`` seconds are dropped instead of sent; 0 keeps them for as long as there is
    room. Safe to use from several threads.
    """

    def __init__(  # noqa: PLR0913  what a queue depends on, each by name
        self,
        send: Callable[[R, int], Verdict],
        *,
        capacity: int,
        clock: Clock,
        episodes: Episodes,
        max_age: float = 0.0,
        min_backoff: float = 0.03,
        max_backoff: float = 5.0,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._send = send
        self._isolation = Isolation(send, self._behind)
        self._clock = clock
        self._episodes = episodes
        self._max_age = max_age
        self._backoff = (min_backoff, max_backoff, random)
        self._backlog: Backlog[R] = Backlog(capacity)
        self._changed = threading.Condition()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0
        self._lost_before = 0
        self._held = False
        self._closing = False
        self._released = False
        self._stopped = False

    def start(self) -> None:
        with self._changed:
            self._ensure_thread()

    def put_all(self, requests: Sequence[R]) -> list[Ticket]:
        """Take a batch; a ticket a request. After ``close`` it counts as dropped at once."""
        with self._changed:
            if self._closing:
                return [self._backlog.reject(request, AT_THE_END.reason) for request in requests]
            tickets = self._backlog.put_all(requests)
            if self._held:
                self._backlog.hold()
            self._remark_overflow()
            if tickets:
                self._ensure_thread()
            self._changed.notify_all()
        return tickets

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being sent."""
        with self._changed:
            return self._backlog.empty

    @property
    def has_room(self) -> bool:
        """As the backlog's."""
        with self._changed:
            return self._backlog.has_room

    @property
    def partly_stored(self) -> int:
        """As the backlog's."""
        with self._changed:
            return self._backlog.partly_stored

    @property
    def oldest_pending(self) -> float | None:
        """As the backlog's, in seconds."""
        with self._changed:
            oldest = self._backlog.oldest_pending
        return None if oldest is None else oldest / 1000

    def drain(self, timeout: float) -> bool:
        """Wait until everything is settled; false after ``timeout`` seconds, or when it is held."""
        with self._changed:
            self._changed.wait_for(lambda: self._backlog.empty or self._held, timeout)
            return self._backlog.empty

    def close(self, timeout: float) -> bool:
        """Send what waits for ``timeout`` seconds at most and stop; true if nothing was lost.

        Who waits for a backoff tries again at once. Held data gets one last attempt.
        """
        with self._changed:
            again, self._closing = self._closing, True
            self._changed.notify_all()
        self._wake.set()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(max(0.0, timeout))
        with self._changed:
            self._stopped = True
            self._backlog.abandon(AT_THE_END.reason)
            stats = self._backlog.stats()
            self._changed.notify_all()
        self._wake.set()
        lost = stats.dropped.get(AT_THE_END.reason, 0) + stats.pending - self._lost_before
        if lost and not again:
            self._episodes.remark(AT_THE_END, lost)
        self._episodes.end()
        return not lost

    def release(self, patience: float) -> Backlog[R]:
        """Stop without sending what waits, and give it away; from then on nothing is taken.

        The request in flight has ``patience`` seconds for its answer. Later its answer counts for
        nothing: the request is given away with the others.
        """
        with self._changed:
            self._released = True
            self._wake.set()
            self._changed.wait_for(lambda: self._backlog.in_flight is None, patience)
            self._closing = self._stopped = True
            backlog, self._backlog = self._backlog, Backlog(0)
            self._changed.notify_all()
        self._episodes.end()
        return backlog

    def adopt(self, backlog: Backlog[R]) -> None:
        """Go on with what another queue released: it comes first, and counts here."""
        with self._changed:
            self._backlog.adopt(backlog)
            self._lost_before += backlog.stats().dropped.get(AT_THE_END.reason, 0)
            self._changed.notify_all()

    def stats(self) -> Stats:
        with self._changed:
            return self._backlog.stats(self._episodes.trouble)

    def _ensure_thread(self) -> None:
        """A thread does not survive a fork of the process: then this starts another."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._run, name="otel-kubecost-send", daemon=True
            )
            self._thread.start()

    def _run(self) -> None:
        while (entry := self._next()) is not None:
            if self._expired(entry.request):
                self._lose(entry, TOO_OLD)
                continue
            try:
                verdict = self._offer(entry)
            except Exception:  # noqa: BLE001  a defect: it may cost this request, not the thread
                _log.exception("sending failed in a way that nobody foresaw")
                self._lose(entry, DEFECT)
                continue
            pause = self._settle(entry, verdict)
            if pause and self._clock.wait(self._wake, pause):
                self._wake.clear()

    def _offer(self, entry: Entry[R]) -> Verdict:
        verdict = self._send(entry.request, entry.attempts)
        return self._isolation.decide(entry, verdict) if is_suspect(entry, verdict) else verdict

    def _behind(self, place: int) -> R | None:
        with self._changed:
            return self._backlog.behind(place)

    def _next(self) -> Entry[R] | None:
        with self._changed:
            while not (self._stopped or self._released):
                entry = self._backlog.take()
                if entry is not None or self._closing:
                    return entry
                self._changed.wait()
            return None

    def _expired(self, request: R) -> bool:
        oldest_kept = (self._clock.time() - self._max_age) * 1000
        return bool(self._max_age and request.newest) and request.newest < oldest_kept

    def _lose(self, entry: Entry[R], why: Verdict) -> None:
        with self._changed:
            if self._backlog.in_flight is not entry:
                return  # it was released meanwhile
            self._backlog.dropped(entry, why.reason)
            self._episodes.remark(why, entry.request.samples)
            self._changed.notify_all()

    def _settle(self, entry: Entry[R], verdict: Verdict) -> float:
        """Book what came of an attempt; returns how many seconds to wait before the next."""
        with self._changed:
            if self._backlog.in_flight is not entry:
                return 0.0  # it was released meanwhile
            self._held = verdict.action is Action.HOLD
            self._book(entry, verdict)
            pending = self._backlog.stats().pending
            self._episodes.note(verdict, entry.request.samples - verdict.written, pending)
            self._remark_overflow()
            self._changed.notify_all()
            return 0.0 if self._stopped else self._pause(verdict)

    def _book(self, entry: Entry[R], verdict: Verdict) -> None:
        if verdict.action is Action.DONE:
            self._backlog.delivered(entry, verdict.refused, partly=bool(verdict.reason))
        elif verdict.action is Action.DROP:
            self._backlog.dropped(entry, verdict.reason, verdict.written)
        elif self._stopped or (self._closing and self._held):
            self._backlog.lost(entry, AT_THE_END.reason)
            self._stopped = True
        elif verdict.action is Action.SPLIT:
            if not self._backlog.split(entry, verdict.reason):
                self._episodes.remark(indivisible(verdict), entry.request.samples)
        else:
            self._backlog.again(entry, attempts=verdict.action is not Action.WAIT)
        if self._held:
            self._backlog.hold()

    def _pause(self, verdict: Verdict) -> float:
        if verdict.action in {Action.HOLD, Action.WAIT}:
            return verdict.retry_after or PROBE_SECONDS
        if verdict.action is not Action.RETRY:
            self._failures = 0
            return 0.0
        minimum, maximum, chance = self._backoff
        wait = backoff(self._failures, minimum=minimum, maximum=maximum, random=chance)
        self._failures += 1
        return verdict.retry_after or wait

    def _remark_overflow(self) -> None:
        overflow = self._backlog.take_overflow()
        if overflow:
            self._episodes.remark(FULL, overflow)
