"""What waits to be sent: a bounded queue and its ledger. Pure; the thread is in ``queue``.

At every instant ``accepted = delivered + pending + dropped``, counted in samples.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Generic, NamedTuple

from otel_kubecost.exporters.sending.entry import Entry, R, Ticket

QUEUE_FULL = "queue_full"


class Stats(NamedTuple):
    """The ledger, in samples."""

    accepted: int
    delivered: int
    pending: int
    dropped: Mapping[str, int]
    """By reason."""
    trouble: str = ""
    """Why nothing is delivered just now; empty where all is well."""
    skew: int | None = None
    """Seconds by which the receiver's clock is ahead of ours; None where it is not known."""


class Backlog(Generic[R]):
    """First in, first out: samples of one series leave in the order they came.

    More than ``capacity`` samples drop the oldest requests, but two batches always have room, as
    large as the largest since the queue was empty. So a batch never pushes itself out, nor the
    one before it while that is being sent; nor does a small batch that follows a large one. What
    is in flight stays. Not for several threads at once.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._waiting: deque[Entry[R]] = deque()
        self._in_flight: Entry[R] | None = None
        self._largest = 0
        self._accepted = 0
        self._delivered = 0
        self._pending = 0
        self._dropped: Counter[str] = Counter()
        self._overflow = 0
        self._partly_stored = 0
        self._abandoned = 0

    @property
    def empty(self) -> bool:
        return not self._waiting and self._in_flight is None

    @property
    def in_flight(self) -> Entry[R] | None:
        """What was taken and has not been told of."""
        return self._in_flight

    @property
    def entries(self) -> list[Entry[R]]:
        """Everything that is pending, oldest first: what is in flight, then what waits."""
        return [*([self._in_flight] if self._in_flight else []), *self._waiting]

    @property
    def oldest_pending(self) -> int | None:
        """The time (ms) of the oldest request that is not settled; None where all are.

        What was abandoned never is. Requests without samples have no time.
        """
        times = [entry.request.newest for entry in self.entries]
        return min(filter(None, [*times, self._abandoned]), default=None)

    @property
    def has_room(self) -> bool:
        """Whether two batches more, as large as the largest, would drop nothing."""
        return self._pending == 0 or self._pending + 2 * self._largest <= self._capacity

    @property
    def partly_stored(self) -> int:
        """Samples of requests of which a part was refused."""
        return self._partly_stored

    @property
    def largest(self) -> int:
        """Samples of the largest batch since nothing was pending."""
        return self._largest

    def put_all(self, requests: Sequence[R]) -> list[Ticket]:
        """Take a batch; a ticket a request."""
        entries = [Entry(request, Ticket()) for request in requests]
        samples = sum(request.samples for request in requests)
        self._largest = max(samples, self._largest if self._pending else 0)
        self._accepted += samples
        self._pending += samples
        self._waiting.extend(entries)
        self._make_room()
        return [entry.ticket for entry in entries]

    def adopt(self, other: Backlog[R]) -> None:
        """What is pending in ``other`` comes before all that waits here, its ledger into this one.

        Drops nothing: what is too much here goes with the next batch. ``other`` must not be used
        any more.
        """
        stats = other.stats()
        self._waiting.extendleft(reversed(other.entries))
        self._largest = max(self._largest, other.largest)
        self._accepted += stats.accepted
        self._delivered += stats.delivered
        self._pending += stats.pending
        self._partly_stored += other.partly_stored
        self._dropped.update(stats.dropped)

    def reject(self, request: R, reason: str) -> Ticket:
        """Book ``request`` as accepted and dropped at once."""
        ticket = Ticket()
        self._accepted += request.samples
        self._dropped[reason] += request.samples
        ticket.dropped()
        return ticket

    def take(self) -> Entry[R] | None:
        """The oldest request, now in flight until one of the methods below is told of it."""
        self._in_flight = self._waiting.popleft() if self._waiting else None
        return self._in_flight

    def delivered(
        self, entry: Entry[R], refused: Mapping[str, int] | None = None, *, partly: bool = False
    ) -> None:
        """All but the samples ``refused`` by reason, of which there may be said more.

        ``partly``: the receiver stored what it could, and refused the rest.
        """
        self._in_flight = None
        left = entry.request.samples
        self._pending -= left
        self._partly_stored += left if partly else 0
        for reason, samples in (refused or {}).items():
            if lost := min(samples, left):
                self._dropped[reason] += lost
                left -= lost
        self._delivered += left
        entry.ticket.delivered()

    def dropped(self, entry: Entry[R], reason: str, written: int = 0) -> None:
        """``written`` of its samples are delivered all the same."""
        self._in_flight = None
        self._drop(entry, reason, written)

    def lost(self, entry: Entry[R], reason: str) -> None:
        """Drop what nobody will offer any more though it could still be delivered."""
        self._abandoned = self.oldest_pending or 0
        self.dropped(entry, reason)

    def again(self, entry: Entry[R], attempts: int = 1) -> None:
        """Back to the head of the queue, after so many more attempts."""
        self._in_flight = None
        entry.attempts += attempts
        self._waiting.appendleft(entry)

    def behind(self, place: int) -> R | None:
        """A request with samples that waits; ``place`` counts them, beyond the last is the last."""
        behind = (entry.request for entry in self._waiting if entry.request.samples)
        first = list(islice(behind, place + 1))
        return first[-1] if first else None

    def split(self, entry: Entry[R], reason: str) -> bool:
        """Its parts take the place of ``entry``; false for one without parts: it is dropped."""
        parts = entry.request.split()
        if not parts:
            self.dropped(entry, reason)
            return False
        self._in_flight = None
        entry.ticket.add_parts(len(parts) - 1)
        self._waiting.extendleft(
            Entry(part, entry.ticket, trial=entry.trial) for part in reversed(parts)
        )
        return True

    def hold(self) -> None:
        """Tell everybody who waits that it may take long."""
        for entry in self._waiting:
            entry.ticket.held()

    def abandon(self, reason: str) -> int:
        """Drop what waits; returns how many samples that was."""
        self._abandoned = self.oldest_pending or 0
        before = self._pending
        while self._waiting:
            self._drop(self._waiting.popleft(), reason)
        return before - self._pending

    def take_overflow(self) -> int:
        """Samples that were dropped for want of room since this was asked the last time."""
        overflow, self._overflow = self._overflow, 0
        return overflow

    def stats(self, trouble: str = "") -> Stats:
        dropped = dict(self._dropped)
        return Stats(self._accepted, self._delivered, self._pending, dropped, trouble)

    def _make_room(self) -> None:
        bound = max(self._capacity, 2 * self._largest)
        while self._waiting and self._pending > bound:
            oldest = self._waiting.popleft()
            self._overflow += oldest.request.samples
            self._drop(oldest, QUEUE_FULL)

    def _drop(self, entry: Entry[R], reason: str, written: int = 0) -> None:
        self._pending -= entry.request.samples
        self._delivered += written
        self._dropped[reason] += entry.request.samples - written
        entry.ticket.dropped()
