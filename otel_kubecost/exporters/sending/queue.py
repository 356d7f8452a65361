"""The sending queue: requests go out in order, from a few threads, until they are settled."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Generic

from otel_kubecost.clock import Clock, Deadline
from otel_kubecost.exporters.sending.backlog import Backlog
from otel_kubecost.exporters.sending.bookkeeping import Bookkeeping
from otel_kubecost.exporters.sending.crew import Crew
from otel_kubecost.exporters.sending.entry import Entry, R, Ticket
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.expiry import Expiry
from otel_kubecost.exporters.sending.forecast import Forecast
from otel_kubecost.exporters.sending.isolation import Isolation, is_suspect
from otel_kubecost.exporters.sending.losses import AT_THE_END, DEFECT, TOO_OLD
from otel_kubecost.exporters.sending.parts import in_parts
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.exporters.sending.shards import Shards
from otel_kubecost.exporters.sending.sizes import Size
from otel_kubecost.exporters.sending.stats import Stats
from otel_kubecost.exporters.sending.store import MemoryStore, Store
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class SendingQueue(Generic[R]):
    """Takes requests at once and sends them in order, with backoff, from threads of its own.

    ``send(request, attempt)`` makes one attempt (0 is the first) and says what came of it. The
    first thread starts with the first request, or with ``start``; ``shards`` are the fewest and the
    most requests under way at the same time, which are always of one batch. In trouble it is one.
    Requests whose newest sample is older than ``max_age`` seconds, at the receiver's time ``now``,
    are dropped instead of sent; 0 keeps them while there is room. Safe to use from several threads.
    """

    def __init__(  # noqa: PLR0913  what a queue depends on, each by name
        self,
        send: Callable[[R, int], Verdict],
        *,
        store: Store[R],
        clock: Clock,
        episodes: Episodes,
        forecast: Forecast | None = None,
        shards: tuple[int, int] = (1, 1),
        max_age: float = 0.0,
        now: Callable[[], float | None] | None = None,
        min_backoff: float = 0.03,
        max_backoff: float = 5.0,
        random: Callable[[], float] = random.random,
    ) -> None:
        self._send = send
        self._isolation = Isolation(send, self._beside)
        self._clock, self._episodes = clock, episodes
        forecast = forecast or Forecast(clock, max_age)
        self._books: Bookkeeping[R] = Bookkeeping(
            episodes, forecast, min_backoff=min_backoff, max_backoff=max_backoff, random=random
        )
        self._shards = Shards(*shards, clock)
        self._expiry = Expiry(max_age, now, clock)
        self._backlog: Backlog[R] = Backlog(store)
        self._is_open = self._released = False
        self._changed = threading.Condition()
        self._putting = threading.Lock()
        self._crew = Crew(self._run)
        self._pauses: dict[Entry[R], threading.Event] = {}

    def start(self) -> None:
        """Go on with what an earlier process left."""
        with self._changed:
            self._open()
            self._ensure_threads()

    def put_all(self, requests: Iterable[R], *, tracked: bool = True) -> list[Ticket]:
        """Take a batch; a ticket a request, if they are ``tracked``.

        The requests are made while others are sent and settled, and a spool writes them as they
        come. Where making one raises none is taken; what is not whole when ``close`` ends is lost.
        """
        tickets: list[Ticket] = []
        with self._putting:
            if self._books.closing:
                return [self._reject(request) for request in requests]
            try:
                for part, is_last in in_parts(requests):
                    tickets = self._put(part, tracked=tracked, more=not is_last)
                    del part  # before the next one is made
            except BaseException:
                with self._changed:
                    self._backlog.withdraw()
                raise
        return tickets

    @property
    def id(self) -> str:
        """Of what outlives the process; another one where it may lack what was put there before."""
        with self._changed:
            self._open()
            return self._backlog.id if self._backlog.is_durable else ""

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being sent."""
        with self._changed:
            return self._backlog.empty

    @property
    def has_room(self) -> bool:
        with self._changed:
            return self._backlog.has_room

    @property
    def partly_stored(self) -> int:
        return self._backlog.partly_stored

    @property
    def oldest_pending(self) -> float | None:
        """As the backlog's, in seconds."""
        with self._changed:
            return _seconds(self._backlog.oldest_pending)

    @property
    def oldest_perishing(self) -> float | None:
        """As the backlog's, in seconds."""
        with self._changed:
            return _seconds(self._backlog.oldest_perishing)

    def drain(self, timeout: float) -> bool:
        """Wait until everything is settled; false after ``timeout`` seconds, or when it is held."""
        with self._changed:
            self._changed.wait_for(lambda: self._backlog.empty or self._books.held, timeout)
            return self._backlog.empty

    def close(self, timeout: float) -> bool:
        """Send what waits for ``timeout`` seconds at most and stop; true if nothing was lost.

        Who waits for a backoff tries again at once. Held data gets one last attempt, and so does
        what outlives the process.
        """
        deadline = Deadline(timeout)
        with self._changed:
            again, self._books.closing = self._books.closing, True
            self._wake()
        self._crew.join(deadline)
        with self._changed:
            lost = self._books.end(self._backlog, quietly=again)
            self._wake()
        return not lost

    def release(self, patience: float) -> Backlog[R]:
        """Stop without sending what waits, and give it away; from then on nothing is taken.

        The requests in flight have ``patience`` seconds for their answers. Later these count for
        nothing: the requests are given away with the others.
        """
        with self._putting, self._changed:
            self._released = True
            self._wake()
            self._changed.wait_for(lambda: not self._backlog.in_flight, patience)
            self._books.closing = self._books.stopped = True
            self._backlog.catch_up()
            backlog, self._backlog = self._backlog, Backlog(MemoryStore(0))
            self._wake()
            self._episodes.end()
        return backlog

    def adopt(self, backlog: Backlog[R]) -> int:
        """Go on with what another queue released; gives the samples that stay where they are."""
        with self._changed:
            self._open()
            left = self._backlog.adopt(backlog)
            self._books.begin(self._backlog)
            self._changed.notify_all()
        return left

    def stats(self) -> Stats:
        with self._changed:
            return self._backlog.stats(self._episodes.trouble)._replace(shards=self._shards.stats())

    def _put(self, part: Sequence[R], *, tracked: bool, more: bool) -> list[Ticket]:
        with self._changed:
            self._open()
            tickets = self._backlog.put_all(part, tracked=tracked, more=more)
            self._shards.came(sum(request.samples for request in part))
            if not more and self._books.held:
                self._backlog.hold()
            self._books.remark_overflow(self._backlog)
            if not self._books.closing:
                self._ensure_threads()
            if not more:
                self._changed.notify_all()
        return tickets

    def _reject(self, request: R) -> Ticket:
        with self._changed:
            self._open()
            (ticket,) = self._backlog.reject(Size().with_part([request]), AT_THE_END.reason)
            return ticket

    def _open(self) -> None:
        if not self._is_open:
            self._is_open = True
            self._backlog.open()
            self._books.begin(self._backlog)

    def _ensure_threads(self) -> None:
        if self._crew.is_gone:
            self._pauses.clear()
            for entry in list(self._backlog.in_flight):
                self._backlog.again(entry, attempts=0)
        self._crew.grow(self._shards.current)

    def _run(self) -> None:
        while (entry := self._next()) is not None:
            if self._expiry.is_past(entry):
                self._lose(entry, TOO_OLD)
                continue
            seen, began = self._books.setbacks, self._clock.monotonic()
            try:
                verdict = self._offer(entry)
            except Exception:  # noqa: BLE001  a defect: it may cost this request, not the thread
                _log.exception("sending failed in a way that nobody foresaw")
                self._lose(entry, DEFECT)
                continue
            pause = self._settle(entry, verdict, seen, self._clock.monotonic() - began)
            if pause:
                self._wait(entry, pause)

    def _wait(self, entry: Entry[R], pause: float) -> None:
        self._clock.wait(self._pauses[entry], pause)
        with self._changed:
            del self._pauses[entry]
            self._changed.notify_all()

    def _wake(self) -> None:
        """All threads: from their pauses, and who waits for a request."""
        for pause in self._pauses.values():
            pause.set()
        self._changed.notify_all()

    def _offer(self, entry: Entry[R]) -> Verdict:
        verdict = self._send(entry.request, entry.attempts)
        return self._isolation.decide(entry, verdict) if is_suspect(entry, verdict) else verdict

    def _beside(self, entry: Entry[R], place: int) -> R | None:
        with self._changed:
            return self._backlog.beside(entry, place)

    def _next(self) -> Entry[R] | None:
        """Of a thread that ends: None."""
        with self._changed:
            while True:
                is_over = self._is_superfluous()
                entry = None if is_over or self._pauses else self._backlog.take(self._abreast)
                if entry is not None:
                    return entry
                self._backlog.catch_up()
                if is_over or (self._books.closing and self._backlog.empty):
                    return None
                self._changed.wait()

    @property
    def _abreast(self) -> int:
        """How many requests may be under way: in trouble one finds out whether it is over."""
        return 1 if self._books.in_trouble else self._shards.current

    def _is_superfluous(self) -> bool:
        """Whether the thread that asks has nothing more to do."""
        return self._books.stopped or self._released or self._crew.can_spare(self._shards.current)

    def _lose(self, entry: Entry[R], why: Verdict) -> None:
        with self._changed:
            if entry in self._backlog.in_flight:  # it was not released meanwhile
                self._books.lose(self._backlog, entry, why)
                self._changed.notify_all()

    def _settle(self, entry: Entry[R], verdict: Verdict, seen: int, seconds: float) -> float:
        """Book what came of an attempt; returns how many seconds to wait before the next."""
        with self._changed:
            if entry not in self._backlog.in_flight:
                return 0.0  # it was released meanwhile
            pause = self._books.settle(self._backlog, entry, verdict, seen)
            if pause:
                self._pauses[entry] = threading.Event()
                self._backlog.catch_up()
            if verdict.action is Action.DONE:
                self._shards.sent(entry.request.samples, seconds)
                self._shards.decide(self._backlog.stats().pending)
            if not (self._books.closing or self._released):
                self._ensure_threads()
            self._changed.notify_all()
        return pause


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
