from __future__ import annotations

import tempfile
from dataclasses import dataclass
from itertools import accumulate

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from otel_kubecost.exporters.sending.backlog import QUEUE_FULL, Backlog
from otel_kubecost.exporters.sending.entry import Entry, Outcome, Ticket
from otel_kubecost.exporters.sending.spool import Spool
from otel_kubecost.exporters.sending.store import MemoryStore, Store
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.storage import StoredRequest
from otel_kubecost.testing import FakeClock

CAPACITY = 20


@dataclass(frozen=True)
class Numbered:
    """A request that knows its place: ``first`` up to ``first + samples``."""

    first: int
    samples: int
    newest: int = 0
    title: str = ""
    kind: str = "numbered"

    @property
    def body(self) -> bytes:
        return str(self.first).encode()

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


def unpacked(stored: StoredRequest) -> Numbered:
    return Numbered(int(stored.body), stored.samples, stored.place.newest)


@dataclass(eq=False)
class Item:
    """What has to be in the backlog."""

    batch: int
    request: Numbered
    entry: Entry[Numbered] | None = None
    """While it is in flight."""


class BacklogMachine(RuleBasedStateMachine):
    """A backlog beside a plain list of what has to be in it, in its order."""

    is_durable = False

    def __init__(self) -> None:
        super().__init__()
        self.backlog = self.opened()
        self.next_number = 0
        self.next_batch = 0
        self.largest = 0
        self.items: list[Item] = []
        self.delivered: list[int] = []
        self.dropped: dict[str, int] = {}
        self.tickets: dict[int, tuple[Numbered, Ticket]] = {}
        self.fates: dict[int, Outcome] = {}

    def store(self) -> Store[Numbered]:
        return MemoryStore(CAPACITY)

    def opened(self) -> Backlog[Numbered]:
        backlog: Backlog[Numbered] = Backlog(self.store())
        backlog.open()
        return backlog

    @property
    def flying(self) -> list[Item]:
        return [item for item in self.items if item.entry]

    @property
    def waiting(self) -> list[Item]:
        return [item for item in self.items if not item.entry]

    def _chosen(self, which: int) -> tuple[Item, Numbered]:
        """One that is in flight, and what it is; it lands."""
        item = self.flying[which % len(self.flying)]
        return item, item.request

    def _fate(self, request: Numbered, outcome: Outcome) -> None:
        for number in range(request.first, request.first + request.samples):
            self.fates[number] = outcome

    def _lose(self, item: Item, reason: str) -> None:
        samples = item.request.samples
        self.dropped[reason] = self.dropped.get(reason, 0) + samples
        self._fate(item.request, Outcome.DROPPED)
        self.items.remove(item)

    def _pending(self) -> int:
        return sum(item.request.samples for item in self.items)

    def _make_room(self) -> None:
        bound = max(CAPACITY, 2 * self.largest)
        while not self.is_durable and self._pending() > bound:
            self._lose(self.waiting[0], QUEUE_FULL)

    @rule(sizes=st.lists(st.integers(1, 12), max_size=5))
    def put_all(self, sizes):
        self.largest = max(sum(sizes), self.largest if self._pending() else 0)
        batch = []
        for samples in sizes:
            batch.append(Item(self.next_batch, Numbered(self.next_number, samples)))
            self.next_number += samples
        self.next_batch += 1
        self.items += batch
        tickets = self.backlog.put_all([item.request for item in batch])
        for item, ticket in zip(batch, tickets, strict=True):
            self.tickets[item.request.first] = (item.request, ticket)
        self._make_room()
        assert self.items[len(self.items) - len(batch) :] == batch

    @rule()
    def move(self):
        """Another backlog adopts this one; what was in flight waits there in its place."""
        successor = self.opened()
        successor.adopt(self.backlog)
        self.backlog = successor
        for item in self.items:
            item.entry = None

    @rule(abreast=st.integers(1, 4))
    def take(self, abreast):
        """The first that waits, unless there are enough or it is not of the batch in flight."""
        entry = self.backlog.take(abreast)
        batches = {item.batch for item in self.flying}
        waiting = self.waiting
        if waiting and len(self.flying) < abreast and batches <= {waiting[0].batch}:
            assert entry is not None
            assert entry.request == waiting[0].request
            waiting[0].entry = entry
        else:
            assert entry is None

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 3))
    def deliver(self, which):
        item, request = self._chosen(which)
        self.backlog.delivered(item.entry)
        self.delivered += range(request.first, request.first + request.samples)
        self._fate(request, Outcome.DELIVERED)
        self.items.remove(item)

    @precondition(lambda self: self.flying)
    @rule(
        which=st.integers(0, 3),
        said=st.dictionaries(st.sampled_from(["duplicate", "too_old"]), st.integers(0, 15)),
    )
    def deliver_in_part(self, which, said):
        """A receiver may say of more samples than there are that it refused them."""
        item, request = self._chosen(which)
        self.backlog.delivered(item.entry, said)
        first = request.first
        for reason, samples in said.items():
            refused = min(samples, request.first + request.samples - first)
            if refused:
                self.dropped[reason] = self.dropped.get(reason, 0) + refused
            first += refused
        self.delivered += range(first, request.first + request.samples)
        self._fate(request, Outcome.DELIVERED)
        self.items.remove(item)

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 3))
    def wait(self, which):
        """Its time has not come: that is no attempt."""
        item, _ = self._chosen(which)
        attempts = item.entry.attempts
        self.backlog.again(item.entry, attempts=0)
        assert item.entry.attempts == attempts
        item.entry = None

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 3), place=st.integers(0, 5))
    def look_beside(self, which, place):
        item, _ = self._chosen(which)
        others = [other.request for other in self.items if other is not item]
        found = self.backlog.beside(item.entry, place)
        assert found == (others[min(place, len(others) - 1)] if others else None)

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 3), most=st.integers(0, 12))
    def refuse(self, which, most):
        """Though some of it may have been stored, as many as ``most``."""
        item, request = self._chosen(which)
        written = min(most, request.samples - 1)
        self.backlog.dropped(item.entry, "refused", written)
        self.delivered += range(request.first, request.first + written)
        self._lose(item, "refused")
        self.dropped["refused"] -= written

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 3), hold=st.booleans())
    def send_again(self, which, hold):
        item, _ = self._chosen(which)
        attempts = item.entry.attempts
        self.backlog.again(item.entry)
        assert item.entry.attempts == attempts + 1
        if hold:
            self.backlog.hold()
        item.entry = None

    @precondition(lambda self: self.flying)
    @rule(which=st.integers(0, 3))
    def split(self, which):
        item, request = self._chosen(which)
        self.backlog.split(item.entry, "too_large")
        if request.samples == 1:
            self._lose(item, "too_large")
            return
        at = self.items.index(item)
        self.items[at : at + 1] = [Item(item.batch, part) for part in request.split()]

    @rule()
    def abandon(self):
        """What waits in memory is gone, what waits on a disk is not."""
        self.backlog.abandon("shutdown")
        for item in [] if self.is_durable else self.waiting:
            self._lose(item, "shutdown")

    @invariant()
    def the_ledger_balances(self):
        stats = self.backlog.stats()
        assert stats.accepted == self.next_number
        assert stats.delivered == len(self.delivered)
        assert stats.pending == self._pending()
        assert stats.dropped == {why: lost for why, lost in self.dropped.items() if lost}
        assert stats.accepted == stats.delivered + stats.pending + sum(stats.dropped.values())
        assert stats.requests == len(self.items)
        assert self.backlog.empty is (not self.items)

    @invariant()
    def what_is_pending_is_listed_in_its_order(self):
        assert [one.request for one in self.backlog.waiting()] == [
            item.request for item in self.items
        ]

    @invariant()
    def what_is_in_flight_is_of_one_batch(self):
        assert {entry.request for entry in self.backlog.in_flight} == {
            item.request for item in self.flying
        }
        assert len({item.batch for item in self.flying}) <= 1

    @invariant()
    def no_sample_is_delivered_twice(self):
        assert len(self.delivered) == len(set(self.delivered))

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


class SpoolMachine(BacklogMachine):
    """The same on a disk, with the end of the process at any time."""

    is_durable = True

    def __init__(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.storage = self.started()
        super().__init__()

    def started(self) -> FileStorage:
        storage = FileStorage(directory=self.directory.name)
        storage.start()
        return storage

    def store(self) -> Store[Numbered]:
        disk = self.storage.queue("a")
        return Spool(disk, unpacked, capacity=CAPACITY, clock=FakeClock(1_790_000_000))

    @rule()
    def restart(self):
        """Who waited for a ticket is gone, what the ledger has is not."""
        self.backlog.catch_up()
        self.storage.shutdown()
        self.storage = self.started()
        self.backlog = self.opened()
        self.tickets.clear()
        for item in self.items:
            item.entry = None

    def teardown(self) -> None:
        self.storage.shutdown()
        self.directory.cleanup()


TestBacklog = BacklogMachine.TestCase
TestSpooledBacklog = SpoolMachine.TestCase
TestSpooledBacklog.settings = settings(max_examples=30, stateful_step_count=40, deadline=None)


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
    assert backlog.overflow == 90


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
