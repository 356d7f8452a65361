"""What waits to be sent, what is under way, and what became of the rest.

Threads are in ``queue``; where requests are kept is in ``store`` and ``spool``.
At every instant ``accepted = delivered + pending + dropped``, counted in samples.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Generic

from otel_kubecost.exporters.sending.entry import Entry, R, Ticket
from otel_kubecost.exporters.sending.ledger import (
    ACCEPTED,
    DELIVERED,
    Ledger,
    dropped,
    dropped_by_reason,
    pending,
    settled,
)
from otel_kubecost.exporters.sending.moving import MOST_MOVED, moved
from otel_kubecost.exporters.sending.sizes import Size
from otel_kubecost.exporters.sending.stats import Stats
from otel_kubecost.exporters.sending.store import Store, Waiting
from otel_kubecost.storage import Place

QUEUE_FULL = "queue_full"


class Backlog(Generic[R]):
    """Oldest first: samples of one series leave in the order of their time.

    More than the store has room for drops the oldest requests, but two batches always have room,
    as large as the largest since the queue was empty. So a batch never pushes itself out, nor the
    one before it while that is being sent; nor does a small batch that follows a large one. What
    is in flight stays. Not for several threads at once.
    """

    def __init__(self, store: Store[R]) -> None:
        self._store = store
        self._in_flight: dict[int, Entry[R]] = {}
        self._known: dict[int, Entry[R]] = {}
        self._tickets: dict[int, Ticket] = {}
        self._coming = self._largest = Size()
        self._ends_batch, self._batch = False, 0
        self._totals = Stats()
        self.overflow = 0
        """Samples that were dropped for want of room; whoever says so sets it back."""
        self.partly_stored = 0
        """Samples of requests of which a part was refused."""
        self._abandoned, self._refusal = 0, ""

    def open(self) -> None:
        """Before anything else; harmless twice."""
        self._store.open()

    @property
    def id(self) -> str:
        return self._store.id

    @property
    def is_durable(self) -> bool:
        return self._store.is_durable

    @property
    def empty(self) -> bool:
        return self._store.extent.requests == 0

    @property
    def in_flight(self) -> Collection[Entry[R]]:
        """What was taken here and has not been told of."""
        return self._in_flight.values()

    @property
    def oldest_pending(self) -> int | None:
        """The time (ms) of the oldest request that is not settled; None where all are.

        What was abandoned never is. Requests without samples have no time.
        """
        return min(filter(None, [self._store.oldest, self._abandoned]), default=None)

    @property
    def oldest_perishing(self) -> int | None:
        """As ``oldest_pending``, of what does not outlive the process."""
        return min(filter(None, [self._store.oldest_perishing, self._abandoned]), default=None)

    @property
    def has_room(self) -> bool:
        """Whether two batches more, as large as the largest, would drop nothing."""
        return self.empty or self._store.fits(*self._largest.twice)

    @property
    def filled(self) -> float:
        return self._store.filled

    def put_all(
        self, requests: Sequence[R], *, tracked: bool = True, more: bool = False
    ) -> list[Ticket]:
        """Take a batch, or the next part of it; a ticket a request, if they are ``tracked``.

        Where ``more`` is to come none of it is there yet; with the last part all of it is.
        """
        batch = self._coming.with_part(requests)
        self._coming = batch if more else Size()
        if self._refusal:
            return [] if more else self.reject(batch, self._refusal)
        if more:
            self._store.put(requests, more=True)
            return []
        self._largest = batch if self.empty else batch.or_larger(self._largest)
        places = self._store.put(requests, {ACCEPTED: batch.samples})
        newest = max(self._totals.newest_accepted, batch.newest)
        self._totals = self._totals._replace(newest_accepted=newest)
        tickets = {place.number: Ticket() for place in places} if tracked else {}
        self._tickets.update(tickets)
        self._make_room()
        return list(tickets.values())

    def withdraw(self) -> None:
        """Forget the batch of which more was to come."""
        self._coming = Size()
        self._store.withdraw()

    def adopt(self, other: Backlog[R]) -> int:
        """What is pending in ``other`` is pending here, its ledger is added to this one.

        Drops nothing: what is too much here goes with the next batch. More than ``MOST_MOVED``
        requests stay on their disk; gives the samples of those. ``other`` is of no use any more.
        """
        self._largest = self._largest.or_larger(other._largest)
        self.partly_stored += other.partly_stored
        self._totals = other._totals
        if self.id and self.id == other.id:  # both are on one file
            self._store = other._store
            self._tickets |= other._tickets
            self._known |= other._known | other._in_flight
            return 0
        if other.is_durable and other._store.extent.requests > MOST_MOVED:
            return pending(other._store.ledger)
        for number, place in moved(other._store, self._store).items():
            self._inherit(other, number, place)
        return 0

    def refuse(self, reason: str) -> None:
        """From now on a batch is rejected, and so is the one of which more was to come."""
        self._refusal = reason
        self._store.withdraw()

    def reject(self, batch: Size, reason: str) -> list[Ticket]:
        """Book a batch as accepted and dropped at once; a ticket a request."""
        self._abandoned = self._abandoned or batch.oldest
        self._store.change(booked={ACCEPTED: batch.samples, **dropped(reason, batch.samples)})
        ticket = Ticket()
        ticket.dropped()
        return [ticket] * batch.requests

    def take(self, abreast: int = 1) -> Entry[R] | None:
        """The oldest request, in flight until one of the methods below is told of it.

        Of ``abreast`` that are in flight at the same time all are of one batch: they have no
        series in common, so no sample overtakes another of its series.
        """
        if self._in_flight and (self._ends_batch or len(self._in_flight) >= abreast):
            return None
        if (one := self._store.first(self._in_flight)) is None:
            return None
        place, under_way = one.place, self._in_flight.values()
        self._ends_batch = any(entry.place.batch != place.batch for entry in under_way)
        if self._ends_batch:
            return None
        if place.batch != self._batch:
            self.catch_up()  # else it may be sent once more behind what is newer
        self._batch = place.batch
        ticket = self._tickets.get(place.number) or Ticket()
        entry = self._known.pop(place.number, None) or Entry(one.request, place, ticket)
        self._in_flight[place.number] = entry
        return entry

    def delivered(
        self, entry: Entry[R], refused: Mapping[str, int] | None = None, *, partly: bool = False
    ) -> None:
        """All but the samples ``refused`` by reason, of which there may be said more.

        ``partly``: the receiver stored what it could, and refused the rest.
        """
        samples = entry.request.samples
        self.partly_stored += samples if partly else 0
        self._settle(entry, settled(samples, refused or {}))
        totals, newest = self._totals, entry.request.newest
        self._totals = totals._replace(
            newest_accepted=max(newest, totals.newest_accepted),
            newest_delivered=max(newest, totals.newest_delivered),
            sent_bytes=totals.sent_bytes + len(entry.request.body),
        )
        entry.ticket.delivered()

    def dropped(self, entry: Entry[R], reason: str, written: int = 0) -> None:
        """``written`` of its samples are delivered all the same."""
        lost = dropped(reason, entry.request.samples - written)
        self._settle(entry, {DELIVERED: written, **lost})
        entry.ticket.dropped()

    def lost(self, entry: Entry[R], reason: str) -> None:
        """Drop what nobody will offer any more though it could still be delivered."""
        self._abandoned = self.oldest_pending or 0
        self.dropped(entry, reason)

    def again(self, entry: Entry[R], attempts: int = 1) -> None:
        """Back to its place, after so many more attempts."""
        self._ends_batch = False
        del self._in_flight[entry.place.number]
        self._known[entry.place.number] = entry
        entry.attempts += attempts
        retried = self._totals.retried + (entry.request.samples if attempts else 0)
        self._totals = self._totals._replace(retried=retried)

    def beside(self, entry: Entry[R], place: int) -> R | None:
        """Another request with samples; ``place`` counts them, beyond the last is the last."""
        return self._store.behind([entry.place.number], place)

    def split(self, entry: Entry[R], reason: str) -> bool:
        """Its parts take the place of ``entry``; false for one without parts: it is dropped."""
        parts = entry.request.split()
        if not parts:
            self.dropped(entry, reason)
            return False
        self._ends_batch = False
        entry.ticket.add_parts(len(parts) - 1)
        places = self._store.change(parts, [entry.place.number], instead=entry.place)
        for place, part in zip(places, parts, strict=True):
            self._tickets[place.number] = entry.ticket
            self._known[place.number] = Entry(part, place, entry.ticket, trial=entry.trial)
        self._forget(entry)
        return True

    def catch_up(self) -> None:
        """Have the disk know all that is settled: before a pause, and at the end."""
        self._store.catch_up()

    def hold(self) -> None:
        """Tell everybody who waits that it may take long."""
        for ticket in self._tickets.values():
            ticket.held()

    def abandon(self, reason: str) -> None:
        """Drop what waits and does not outlive the process."""
        while one := self._store.perishing(self._in_flight):
            self._abandoned = self._abandoned or one.request.newest
            self._drop(one, reason)

    def stats(self, trouble: str = "") -> Stats:
        ledger = self._store.ledger
        requests, size = self._store.extent
        return self._totals._replace(
            accepted=ledger.get(ACCEPTED, 0),
            delivered=ledger.get(DELIVERED, 0),
            pending=pending(ledger),
            dropped=dropped_by_reason(ledger),
            trouble=trouble,
            requests=requests,
            bytes=size,
            set_aside=self._store.set_aside,
            fault=self._store.fault,
        )

    def waiting(self) -> Iterator[Waiting[R]]:
        """Everything that is pending, oldest first; what is in flight as well."""
        passed: set[int] = set()
        while one := self._store.first(passed):
            passed.add(one.place.number)
            yield one

    def _inherit(self, other: Backlog[R], number: int, here: Place) -> None:
        """What ``other`` knows of its request ``number`` is known of the one ``here``."""
        if entry := other._in_flight.get(number) or other._known.get(number):
            entry.place = here
            self._known[here.number] = entry
        if number in other._tickets:
            self._tickets[here.number] = other._tickets[number]

    def _make_room(self) -> None:
        while oldest := self._store.surplus(self._in_flight, 2 * self._largest.samples):
            self.overflow += oldest.request.samples
            self._drop(oldest, QUEUE_FULL)

    def _drop(self, one: Waiting[R], reason: str) -> None:
        number, samples = one.place.number, one.request.samples
        self._store.change(removed=[number], booked=dropped(reason, samples))
        self._known.pop(number, None)
        if ticket := self._tickets.pop(number, None):
            ticket.dropped()

    def _settle(self, entry: Entry[R], booked: Ledger) -> None:
        self._forget(entry)
        self._store.settle(entry.place.number, booked)

    def _forget(self, entry: Entry[R]) -> None:
        del self._in_flight[entry.place.number]
        self._tickets.pop(entry.place.number, None)
