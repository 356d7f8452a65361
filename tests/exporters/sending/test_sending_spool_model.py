"""A spool beside a plain sorted list that says what has to be in it, whatever the disk does."""

import errno
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sending_data import Letters

from otel_kubecost.exporters.sending.ledger import ACCEPTED, DELIVERED, dropped, pending
from otel_kubecost.exporters.sending.spool import RETRY_SECONDS, Spool
from otel_kubecost.exporters.sending.store import Waiting
from otel_kubecost.extensions.file_storage import FileStorage
from otel_kubecost.storage import Extent
from otel_kubecost.testing import FakeClock

MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
"""Where a sync takes no time."""
FAULTS = {errno.ENOSPC: "full", errno.EROFS: "read_only", errno.EIO: "io_error"}


class Lines(Letters):
    """Without a time they describe something, and are no samples."""

    @property
    def samples(self):
        return len(self.text) if self.newest else 0


class Flaky:
    """A queue on a disk that says ``fault`` to what would write to it, or be the first to read."""

    def __init__(self, queue):
        self.queue = queue
        self.fault = 0

    def __getattr__(self, name):
        return getattr(self.queue, name)

    def open(self):
        self._fail()
        self.queue.open()

    def change(self, *arguments):
        self._fail()
        self.queue.change(*arguments)

    def _fail(self):
        if self.fault:
            raise OSError(self.fault, "The storage cannot be used: it fails; mend it")


@dataclass
class Content:
    """What is known of what waits, and the ledger."""

    waiting: list[Waiting] = field(default_factory=list)
    parked: list[Waiting] = field(default_factory=list)
    ledger: dict[str, int] = field(default_factory=dict)

    def book(self, booked):
        for name, samples in booked.items():
            self.ledger[name] = self.ledger.get(name, 0) + samples

    def add(self, places, requests):
        self.waiting += [*map(Waiting, places, requests)]
        self.waiting.sort(key=lambda one: one.place)

    def written(self, numbers):
        """Those with these ``numbers`` are on the disk now: what is parked has waited for it."""
        times = [one.place.newest for one in self.waiting if one.place.number in numbers]
        newest = max(times, default=0)
        self.waiting += [one for one in self.parked if one.place.newest < newest]
        self.parked = [one for one in self.parked if one.place.newest >= newest]
        self.waiting.sort(key=lambda one: one.place)

    def copy(self):
        return Content([*self.waiting], [*self.parked], {**self.ledger})

    @property
    def every(self):
        return [*self.waiting, *self.parked]


class SpoolMachine(RuleBasedStateMachine):
    """``known`` is what has to be in it, ``safe`` what is there after a kill while it fails.

    ``untold`` is what is there after a kill while the disk has not heard of all that is settled.
    """

    def __init__(self):
        super().__init__()
        self.directory = tempfile.mkdtemp(dir=MEMORY)
        self.clock = FakeClock(1_790_000_000)
        self.known = self.safe = Content()
        self.hidden = None
        self.untold = None
        self.unwritten = set()
        self.coming = []
        self.batch = 0
        self._begin()

    def teardown(self):
        self.storage.shutdown()
        shutil.rmtree(self.directory)

    def _begin(self, fault=0):
        self.coming = []
        self.clock.advance(1)
        self.storage = FileStorage(directory=self.directory, clock=self.clock)
        self.disk = Flaky(self.storage.queue("exporter"))
        self.disk.fault = fault
        self.spool = Spool(
            self.disk,
            lambda stored: Lines(stored.body.decode(), stored.place.newest),
            capacity=10**6,
            clock=self.clock,
        )
        self.spool.open()

    def _change(self, added=(), removed=(), booked=None, instead=None):
        booked = booked or {}
        places = self.spool.change(added, [one.place.number for one in removed], booked, instead)
        self.known.book(booked)
        self.known.waiting = [one for one in self.known.waiting if one not in removed]
        self.known.add(places, added)
        self.unwritten |= {place.number for place in places}
        self._written()

    def _written(self):
        if not self.disk.fault:
            self.known.written(self.unwritten)
            self.unwritten.clear()
            self.untold = None

    @rule(
        newest=st.integers(0, 9),
        texts=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    )
    def put(self, newest, texts):
        self.batch += 1
        name = chr(0x4E00 + self.batch)
        added = [Lines(name * size, newest) for size in texts]
        self._change(added, booked={ACCEPTED: sum(one.samples for one in added)})

    @rule(newest=st.integers(0, 9), texts=st.lists(st.integers(1, 9), min_size=1, max_size=3))
    def put_a_part(self, newest, texts):
        """More of the batch is to come: there is nothing of it until its last part."""
        if not self.coming:
            self.batch += 1
        added = [Lines(chr(0x4E00 + self.batch) * size, newest) for size in texts]
        self.coming += added
        self.spool.put(added, more=True)
        self._written()

    @precondition(lambda self: self.coming)
    @rule()
    def put_the_last_part(self):
        added, self.coming = self.coming, []
        booked = {ACCEPTED: sum(one.samples for one in added)}
        places = self.spool.put([], booked)
        self.known.book(booked)
        self.known.add(places, added)
        self._written()

    @precondition(lambda self: self.coming)
    @rule()
    def withdraw(self):
        self.coming = []
        self.spool.withdraw()
        self._written()

    @precondition(lambda self: self.known.waiting)
    @rule(which=st.integers(0, 3), is_delivered=st.booleans())
    def settle(self, which, is_delivered):
        one = self.known.waiting[min(which, len(self.known.waiting) - 1)]
        samples = one.request.samples
        self._change(
            removed=[one],
            booked={DELIVERED: samples} if is_delivered else dropped("refused", samples),
        )

    @precondition(lambda self: self.known.waiting)
    @rule(which=st.integers(0, 3))
    def settle_and_tell_later(self, which):
        one = self.known.waiting[min(which, len(self.known.waiting) - 1)]
        if not self.disk.fault:
            self.untold = self.untold or self.known.copy()
        booked = {DELIVERED: one.request.samples}
        self.spool.settle(one.place.number, booked)
        self.known.book(booked)
        self.known.waiting.remove(one)

    @rule()
    def catch_up(self):
        self.spool.catch_up()
        if self.untold and not self.disk.fault:
            self._written()

    @precondition(lambda self: any(one.request.samples > 1 for one in self.known.waiting))
    @rule()
    def split(self):
        one = next(one for one in self.known.waiting if one.request.samples > 1)
        half = one.request.samples // 2
        text, newest = one.request.text, one.place.newest
        parts = [Lines(text[:half], newest), Lines(text[half:], newest)]
        self._change(parts, removed=[one], instead=one.place)

    @precondition(lambda self: not self.disk.fault)
    @rule(fault=st.sampled_from(sorted(FAULTS)))
    def fail(self, fault):
        self.disk.fault = fault
        self.safe = self.untold or self.known
        self.known, self.untold = self.known.copy(), None

    @precondition(lambda self: self.disk.fault)
    @rule()
    def mend(self):
        """What is on a disk that could not be read at all before is there as well, then."""
        self.disk.fault = 0
        self.clock.advance(RETRY_SECONDS)
        self.spool.change()
        if self.hidden:
            newer, self.known, self.hidden = self.known, self.hidden, None
            self.known.book(newer.ledger)
            self.known.add(
                [one.place for one in newer.waiting], [one.request for one in newer.waiting]
            )
        self._written()

    @rule(fault=st.sampled_from([0, *FAULTS]))
    def restart(self, fault):
        """After a kill; at once, or on a disk that fails from the start."""
        self.storage.shutdown()
        self.unwritten.clear()
        self.known = self.hidden or (self.safe if self.disk.fault else self.untold or self.known)
        self.hidden = self.untold = None
        if fault:
            self.hidden, self.known = self.known, Content()
        self.safe = self.known.copy()
        self._begin(fault)

    @precondition(lambda self: not (self.disk.fault or self.untold) and self.known.waiting)
    @rule(which=st.integers(0, 5))
    def restart_with_a_damaged_body(self, which):
        """All others wait then for something newer."""
        spoilt = self.known.waiting[min(which, len(self.known.waiting) - 1)]
        self.storage.shutdown()
        (path,) = Path(self.directory).glob("queue-*.db")
        with closing(sqlite3.connect(path)) as connection, connection:
            statement = "UPDATE requests SET body = 'x' WHERE number = ?"
            connection.execute(statement, [spoilt.place.number])
        self._begin()
        before = self.spool.id
        every = self.known.every
        while one := self.spool.first([]):
            assert one in self.known.waiting[: self.known.waiting.index(spoilt)]
            every.remove(one)
            self._change(removed=[one], booked={DELIVERED: one.request.samples})
        every.remove(spoilt)
        self.known.waiting, self.known.parked = [], every
        self.known.book(dropped("damaged", spoilt.request.samples))
        assert self.spool.id != before

    @invariant()
    def everything_waits_in_its_place(self):
        passed = []
        while one := self.spool.first(passed):
            assert one == self.known.waiting[len(passed)]
            passed.append(one.place.number)
        assert len(passed) == len(self.known.waiting)

    @invariant()
    def the_ledger_balances(self):
        ledger = {name: number for name, number in self.spool.ledger.items() if number}
        assert ledger == {name: number for name, number in self.known.ledger.items() if number}
        assert pending(ledger) == sum(one.request.samples for one in self.known.every)

    @invariant()
    def it_tells_how_it_stands(self):
        every = self.known.every
        assert self.spool.extent.requests == len(every)
        if not (self.disk.fault or self.untold):
            size = sum(len(one.request.body) for one in every)
            assert self.spool.extent == Extent(len(every), size)
            assert self.spool.oldest_perishing is None
            assert self.spool.fault == ""
        times = [one.place.newest for one in every if one.place.newest]
        assert self.spool.oldest == min(times, default=None)


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(
    deadline=None,
    max_examples=60,
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow],
)
