from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from otel_kubecost.exporters.sending.backlog import QUEUE_FULL, Backlog
from otel_kubecost.exporters.sending.entry import Entry, Outcome, Ticket
from otel_kubecost.exporters.sending.store import MemoryStore

CAPACITY = 20


@dataclass(frozen=True)
class Numbered:
    """A request that knows its place: ``first`` up to ``first + samples``."""

    first: int
    samples: int
    newest: int = 0
    title: str = ""
    body: bytes = b""
    kind: str = "numbered"

    @property
    def series(self) -> int:
        return self.samples

    def only(self, place: float) -> Numbered:
        return Numbered(self.first + int(place * self.samples), 1)

    def split(self) -> list[Numbered]:
        half = self.samples // 2
        if not half:
            return []
        return [
            Numbered(self.first, half),
            Numbered(self.first + half, self.samples - half),
        ]


class BacklogMachine(RuleBasedStateMachine):
    """A backlog beside a plain list of sample numbers that says what has to be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog: Backlog[Numbered] = Backlog(MemoryStore(CAPACITY))
        self.next_number = 0
        self.largest = 0
        self.waiting: list[Numbered] = []
        self.flying: Entry[Numbered] | None = None
        self.delivered: list[int] = []
        self.dropped: dict[str, int] = {}
        self.tickets: dict[int, tuple[Numbered, Ticket]] = {}
        self.fates: dict[int, Outcome] = {}

    def _fate(self, request: Numbered, outcome: Outcome) -> None:
        for number in range(request.first, request.first + request.samples):
            self.fates[number] = outcome

    def _lose(self, request: Numbered, reason: str) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + request.samples
        self._fate(request, Outcome.DROPPED)

    def _pending(self) -> int:
        flying = self.flying.request.samples if self.flying else 0
        return flying + sum(request.samples for request in self.waiting)

    def _make_room(self) -> None:
        bound = max(CAPACITY, 2 * self.largest)
        while self._pending() > bound:
            self._lose(self.waiting.pop(0), QUEUE_FULL)

    @rule(sizes=st.lists(st.integers(1, 12), max_size=4))
    def put_all(self, sizes):
        self.largest = max(sum(sizes), self.largest if self._pending() else 0)
        batch = []
        for samples in sizes:
            batch.append(Numbered(self.next_number, samples))
            self.next_number += samples
        self.waiting += batch
        for request, ticket in zip(batch, self.backlog.put_all(batch), strict=True):
            self.tickets[request.first] = (request, ticket)
        self._make_room()
        assert self.waiting[len(self.waiting) - len(batch) :] == batch

    @rule()
    def move(self):
        """Another backlog adopts this one, and what was in flight waits first there."""
        successor: Backlog[Numbered] = Backlog(MemoryStore(CAPACITY))
        successor.adopt(self.backlog)
        self.backlog = successor
        if self.flying is not None:
            self.waiting.insert(0, self.flying.request)
            self.flying = None

    @precondition(lambda self: self.flying is None)
    @rule()
    def take(self):
        self.flying = self.backlog.take()
        if self.waiting:
            assert self.flying is not None
            assert self.flying.request == self.waiting.pop(0)
        else:
            assert self.flying is None

    @precondition(lambda self: self.flying is not None)
    @rule()
    def deliver(self):
        request = self.flying.request
        self.backlog.delivered(self.flying)
        self.delivered += range(request.first, request.first + request.samples)
        self._fate(request, Outcome.DELIVERED)
        self.flying = None

    @precondition(lambda self: self.flying is not None)
    @rule(said=st.dictionaries(st.sampled_from(["duplicate", "too_old"]), st.integers(0, 15)))
    def deliver_in_part(self, said):
        """A receiver may say of more samples than there are that it refused them."""
        request = self.flying.request
        self.backlog.delivered(self.flying, said)
        first = request.first
        for reason, samples in said.items():
            refused = min(samples, request.first + request.samples - first)
            if refused:
                self.dropped[reason] = self.dropped.get(reason, 0) + refused
            first += refused
        self.delivered += range(first, request.first + request.samples)
        self._fate(request, Outcome.DELIVERED)
        self.flying = None

    @precondition(lambda self: self.flying is not None)
    @rule()
    def wait(self):
        """Its time has not come: that is no attempt."""
        attempts = self.flying.attempts
        self.backlog.again(self.flying, attempts=0)
        assert self.flying.attempts == attempts
        self.waiting.insert(0, self.flying.request)
        self.flying = None

    @rule(place=st.integers(0, 5))
    def look_behind(self, place):
        found = self.backlog.behind(place)
        assert found == (self.waiting[min(place, len(self.waiting) - 1)] if self.waiting else None)

    @precondition(lambda self: self.flying is not None)
    @rule(most=st.integers(0, 12))
    def refuse(self, most):
        """Though some of it may have been stored, as many as ``most``."""
        request = self.flying.request
        written = min(most, request.samples - 1)
        self.backlog.dropped(self.flying, "refused", written)
        self.delivered += range(request.first, request.first + written)
        self._lose(request, "refused")
        self.dropped["refused"] -= written
        self.flying = None

    @precondition(lambda self: self.flying is not None)
    @rule(hold=st.booleans())
    def send_again(self, hold):
        attempts = self.flying.attempts
        self.backlog.again(self.flying)
        assert self.flying.attempts == attempts + 1
        if hold:
            self.backlog.hold()
        self.waiting.insert(0, self.flying.request)
        self.flying = None

    @precondition(lambda self: self.flying is not None)
    @rule()
    def split(self):
        request = self.flying.request
        self.backlog.split(self.flying, "too_large")
        self.flying = None
        self.waiting[:0] = request.split()
        if request.samples == 1:
            self._lose(request, "too_large")

    @rule()
    def abandon(self):
        lost = self.backlog.abandon("shutdown")
        assert lost == sum(request.samples for request in self.waiting)
        for request in self.waiting:
            self._lose(request, "shutdown")
        self.waiting = []

    @invariant()
    def the_ledger_balances(self):
        stats = self.backlog.stats()
        assert stats.accepted == self.next_number
        assert stats.delivered == len(self.delivered)
        assert stats.pending == self._pending()
        assert stats.dropped == self.dropped
        assert stats.accepted == stats.delivered + stats.pending + sum(stats.dropped.values())
        assert self.backlog.empty is (not self.waiting and self.flying is None)

    @invariant()
    def what_is_pending_is_listed_in_its_order(self):
        flying = [self.flying.request] if self.flying else []
        assert [one.request for one in self.backlog.waiting()] == [*flying, *self.waiting]

    @invariant()
    def samples_leave_in_the_order_they_came(self):
        assert self.delivered == sorted(self.delivered)

    @invariant()
    def every_ticket_tells_what_became_of_its_request(self):
        for request, ticket in self.tickets.values():
            numbers = range(request.first, request.first + request.samples)
            fates = [self.fates.get(number) for number in numbers]
            outcome = ticket.wait(0)
            if None in fates:
                assert outcome in {None, Outcome.HELD}
            else:
                lost = Outcome.DROPPED in fates
                assert outcome is (Outcome.DROPPED if lost else Outcome.DELIVERED)


TestBacklog = BacklogMachine.TestCase


def requests(first: int, *sizes: int) -> list[Numbered]:
    starts = accumulate(sizes, initial=first)
    return [Numbered(start, size) for start, size in zip(starts, sizes, strict=False)]


def outcomes(tickets: list[Ticket]) -> list[Outcome | None]:
    return [ticket.wait(0) for ticket in tickets]


def test_a_batch_never_evicts_itself():
    """A batch of many requests that is larger than the queue is taken as a whole."""
    backlog: Backlog[Numbered] = Backlog(MemoryStore(50))
    tickets = backlog.put_all(requests(0, *[10] * 9))
    assert backlog.stats()[:5] == (90, 0, 90, {}, "")
    assert outcomes(tickets) == [None] * 9


def test_a_batch_has_room_beside_the_one_before():
    """The third batch of 90 drops the first, not the second: room is for two of them."""
    backlog: Backlog[Numbered] = Backlog(MemoryStore(50))
    first, second, third = (backlog.put_all(requests(at, *[10] * 9)) for at in (0, 90, 180))
    assert outcomes(first) == [Outcome.DROPPED] * 9
    assert outcomes(second + third) == [None] * 18
    assert backlog.take_overflow() == 90
    assert backlog.take_overflow() == 0


def test_a_small_batch_does_not_push_out_a_large_one():
    """Metrics of the agent follow the costs of a mark: they must not cost the mark's samples."""
    backlog: Backlog[Numbered] = Backlog(MemoryStore(50))
    costs = backlog.put_all(requests(0, *[10] * 9))
    backlog.put_all(requests(90, 6))
    assert outcomes(costs) == [None] * 9


def test_room_for_a_large_batch_ends_with_it():
    """When the queue was empty, what it holds is ``capacity`` again."""
    backlog: Backlog[Numbered] = Backlog(MemoryStore(20))
    backlog.put_all(requests(0, 90))
    entry = backlog.take()
    assert entry is not None
    backlog.delivered(entry)
    for at in range(90, 120, 5):
        backlog.put_all(requests(at, 5))
    assert backlog.stats().pending == 20


def test_what_is_adopted_stays_until_there_is_something_new():
    """A successor with less room drops what is too much when its first batch comes."""
    old: Backlog[Numbered] = Backlog(MemoryStore(100))
    tickets = [ticket for at in (0, 5, 10) for ticket in old.put_all([Numbered(at, 5)])]
    new: Backlog[Numbered] = Backlog(MemoryStore(10))
    new.adopt(old)
    assert outcomes(tickets) == [None] * 3
    new.put_all([Numbered(15, 5)])
    assert outcomes(tickets) == [Outcome.DROPPED, Outcome.DROPPED, None]
    assert new.stats()[:5] == (20, 0, 10, {QUEUE_FULL: 10}, "")


def test_what_is_adopted_comes_first():
    """It is older than what the adopting backlog has itself."""
    old: Backlog[Numbered] = Backlog(MemoryStore(100))
    new: Backlog[Numbered] = Backlog(MemoryStore(100))
    old.put_all([Numbered(0, 1, newest=1000), Numbered(1, 1, newest=1000)])
    old.take()
    new.put_all([Numbered(2, 1, newest=2000)])
    new.adopt(old)
    assert [one.request.first for one in new.waiting()] == [0, 1, 2]


def test_who_is_held_is_told_and_may_still_be_delivered():
    """A held ticket is known at once and turns when the data gets through."""
    backlog: Backlog[Numbered] = Backlog(MemoryStore(10))
    (ticket,) = backlog.put_all([Numbered(0, 1)])
    backlog.hold()
    assert ticket.wait(0) is Outcome.HELD
    entry = backlog.take()
    assert entry is not None
    backlog.delivered(entry)
    assert ticket.wait(0) is Outcome.DELIVERED


def test_the_oldest_that_is_pending_is_known_until_it_is_settled():
    """In flight, offered again or in parts, in whatever order it came; without samples it has no
    time."""
    backlog: Backlog[Numbered] = Backlog(MemoryStore(100))
    assert backlog.oldest_pending is None
    backlog.put_all([Numbered(0, 4, newest=2000), Numbered(4, 1, newest=1000), Numbered(5, 0)])
    assert backlog.oldest_pending == 1000
    backlog.delivered(taken(backlog))
    assert backlog.oldest_pending == 1000
    backlog.again(taken(backlog))
    assert backlog.oldest_pending == 1000
    backlog.delivered(taken(backlog))
    assert backlog.oldest_pending == 2000
    assert backlog.split(taken(backlog), "too_large")
    backlog.dropped(taken(backlog), "refused")
    backlog.dropped(taken(backlog), "refused")
    assert backlog.oldest_pending is None


def taken(backlog: Backlog[Numbered]) -> Entry[Numbered]:
    entry = backlog.take()
    assert entry is not None
    return entry


def test_what_was_abandoned_is_never_settled():
    """At the next start it is known that it did not arrive."""
    backlog: Backlog[Numbered] = Backlog(MemoryStore(100))
    backlog.put_all([Numbered(0, 1, newest=1000), Numbered(1, 1, newest=2000)])
    entry = backlog.take()
    assert entry is not None
    backlog.delivered(entry)
    backlog.abandon("shutdown")
    backlog.abandon("shutdown")
    assert backlog.empty
    assert backlog.oldest_pending == 2000
