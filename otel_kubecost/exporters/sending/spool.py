"""The spool: requests on the disk before they are sent, and in memory while the disk fails.

The disk has every request before the first attempt to send it, and until it is settled. While the
disk cannot be written to (full, read-only, ...) new requests wait in memory, as without a spool,
and what is settled is remembered. The first change that succeeds writes all of that at once.

A large batch comes in parts, and only one is in memory at a time::

    part 1     the disk has it, as of a batch that is not finished: nobody sends it, no ledger
    part 2     knows of it, and a process that is killed leaves nothing of it to the next one
    the last   in one transaction with it all is there, and in the ledger

Between two parts others settle what they send. If the disk fails meanwhile the later parts wait in
memory, and the batch is sent from both; what of it is on the disk would be lost with the process.
"""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from operator import add
from typing import Any, Generic, TypeVar

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.sending.disk_faults import fault_of
from otel_kubecost.exporters.sending.entry import R
from otel_kubecost.exporters.sending.ledger import NOTHING, Ledger, pending
from otel_kubecost.exporters.sending.store import MemoryStore, Waiting, places_for
from otel_kubecost.storage import Extent, Place, StorageQueue, StoredRequest
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

T = TypeVar("T")

_COPIES = 4 * 2**20
"""Bytes of bodies on the disk that are kept in memory as well."""
TOGETHER = 16
"""Settled requests of a batch of which the disk hears at once; so many may be sent again."""

RETRY_SECONDS = 10.0
"""After a fault of the disk, before it is tried again."""


class Spool(Generic[R]):
    """A store on a disk. ``unpack`` makes a request of what was kept of it.

    While the disk fails ``capacity`` samples more have room, in memory.
    """

    is_durable = True

    def __init__(
        self,
        disk: StorageQueue,
        unpack: Callable[[StoredRequest], R],
        *,
        capacity: int,
        clock: Clock,
        **context: Any,
    ) -> None:
        """``context`` goes with each line of the log (exporter)."""
        self.fault = ""
        self._disk = disk
        self._unpack = unpack
        self._clock = clock
        self._log = _log.bind(**context)
        self._memory: MemoryStore[R] = MemoryStore(capacity)
        self._copies: MemoryStore[R] = MemoryStore(0)
        self._coming: MemoryStore[R] = MemoryStore(0)
        self._batch: list[Place] = []
        self._begun = Extent()
        self._unfinished: list[Place] = []
        self._is_open = False
        self._settled: set[int] = set()
        self._owed: Counter[str] = Counter()
        self._oldest_kept: int | None = None
        # Beyond all numbers on a disk that cannot be read yet.
        self._next = round(clock.time() * 1_000_000)
        self._retry_at = 0.0

    def open(self) -> None:
        if not self._is_open:
            self._try(self._open)

    @property
    def id(self) -> str:
        return self._disk.id if self._is_open else ""

    @property
    def set_aside(self) -> Mapping[str, int]:
        return self._disk.set_aside if self._is_open else NOTHING

    @property
    def ledger(self) -> Ledger:
        kept = self._disk.ledger if self._is_open else NOTHING
        return Counter(kept) + self._owed if self._owed else kept

    @property
    def extent(self) -> Extent:
        kept = self._disk.extent if self._is_open else Extent()
        more = self._memory.extent
        requests = kept.requests - self._begun.requests - len(self._settled) + more.requests
        return Extent(requests, kept.bytes - self._begun.bytes + more.bytes)

    @property
    def oldest(self) -> int | None:
        """What the disk said last, where it does not answer."""
        self._try(self._look)
        return min(filter(None, [self._oldest_kept, self._memory.oldest]), default=None)

    @property
    def oldest_perishing(self) -> int | None:
        at_risk = (place.newest for place in self._at_risk)
        return min(filter(None, [self._memory.oldest, *at_risk]), default=None)

    @property
    def filled(self) -> float:
        return self._memory.filled if self.fault else self._disk.filled

    def fits(self, samples: int, more: Extent) -> bool:
        return self._memory.fits(samples, more) if self.fault else self._disk.fits(more)

    def surplus(self, passed: Collection[int], least: int) -> Waiting[R] | None:
        """While the disk fails it is memory that has too much: what is on the disk stays there."""
        if self.fault:
            return self._memory.surplus(passed, least)
        has_room = self._disk.fits(Extent()) or pending(self._disk.ledger) <= least
        return None if has_room else self.first(passed)

    def first(self, passed: Collection[int]) -> Waiting[R] | None:
        found = [self._memory.first(passed), self._first_kept(passed)]
        return min((one for one in found if one), key=lambda one: one.place, default=None)

    def perishing(self, passed: Collection[int]) -> Waiting[R] | None:
        """After another attempt to write it."""
        if self._memory.extent.requests and self._is_due:
            self._try(self._write)
        return self._memory.first(passed) or self._first_at_risk(passed)

    def behind(self, passed: Collection[int], place: int) -> R | None:
        if self._has_copies:
            kept = self._copies.behind(self._passed(passed), place)
            return kept or self._memory.behind(passed, place)
        found = self._read(lambda: self._disk.behind(self._passed(passed), place))
        return found.request if found else self._memory.behind(passed, place)

    def change(
        self,
        added: Sequence[R] = (),
        removed: Collection[int] = (),
        booked: Ledger = NOTHING,
        instead: Place | None = None,
    ) -> list[Place]:
        places = places_for(added, self._next, instead)
        self._next += len(added)
        self._memory.keep(map(Waiting, places, added))
        self._settled |= self._memory.discard(removed)
        self._owed.update(booked)
        if self._is_due:
            self._try(self._write)
        return places

    def settle(self, number: int, booked: Ledger) -> None:
        self._settled |= self._memory.discard([number])
        self._owed.update(booked)
        if len(self._settled) >= TOGETHER:
            self.catch_up()

    def catch_up(self) -> None:
        if (self._settled or self._owed) and self._is_due:
            self._try(self._write)

    def put(
        self, added: Sequence[R], booked: Ledger = NOTHING, *, more: bool = False
    ) -> list[Place]:
        places = places_for(added, self._next, behind=self._batch)
        self._next += len(added)
        self._coming.keep(map(Waiting, places, added))
        self._batch += places
        whole = [*self._batch]
        if not more:
            self._end_batch()
            self._memory.keep(self._coming.take_all())
        self._owed.update(booked)
        if self._is_due:
            self._try(self._write)
        return whole

    def withdraw(self) -> None:
        gone = {place.number for place in self._batch}
        self._end_batch()
        if of_disk := self._coming.discard(gone):
            self.change(removed=of_disk)

    def _end_batch(self) -> None:
        self._batch, self._begun = [], Extent()

    def _open(self) -> None:
        self._copies = MemoryStore(0)
        self._disk.open()
        self._is_open = True
        self._next = max(self._next, self._disk.next_number)
        self._look()

    def _write(self) -> None:
        """Everything that the disk does not know of yet."""
        if not self._is_open:
            self._open()
        batch = self._batch[0].batch if self._batch else None
        waiting, before = [*self._memory.waiting(), *self._coming.waiting()], self._disk.id
        self._disk.change([_stored(one) for one in waiting], self._settled, self._owed, batch)
        if self._disk.id == before:
            self._copy(self._memory.take_all())
        else:  # what the disk has now, and when it shows that, it knows best
            self._memory.take_all()
            self._copies = MemoryStore(0)
        self._begun = Extent(*map(add, self._begun, self._coming.extent))
        self._coming.take_all()
        self._unfinished = [*self._batch]
        self._settled.clear()
        self._owed.clear()
        if self.fault:
            self._log.info("The spool is written to again", was=self.fault)
            self.fault = ""

    @property
    def _has_copies(self) -> bool:
        """Whether everything on the disk is in memory as well: nothing has to be read then.

        A batch that came in parts never is.
        """
        return not self._is_open or self._copies.extent == self._disk.extent

    def _copy(self, waiting: Sequence[Waiting[R]]) -> None:
        self._copies.discard(self._settled)
        self._copies.keep(waiting)
        if not self._has_copies or self._copies.extent.bytes > _COPIES:
            self._copies = MemoryStore(0)

    def _first_kept(self, passed: Collection[int]) -> Waiting[R] | None:
        if self._has_copies:
            return self._copies.first(self._passed(passed))
        return self._read(lambda: self._disk.first(self._passed(passed)))

    @property
    def _at_risk(self) -> list[Place]:
        """What the disk has of batches that are finished, and does not know that they are."""
        hidden = self._passed(())
        return [place for place in self._unfinished if place.number not in hidden]

    def _first_at_risk(self, passed: Collection[int]) -> Waiting[R] | None:
        for place in self._at_risk:
            if place.number not in passed:
                return self._read(partial(self._disk.get, place.number))
        return None

    def _read(self, work: Callable[[], StoredRequest | None]) -> Waiting[R] | None:
        stored = self._try(work)
        return Waiting(stored.place, self._unpack(stored)) if stored else None

    def _passed(self, passed: Collection[int]) -> Collection[int]:
        return {*passed, *self._settled, *(one.number for one in self._batch)}

    def _look(self) -> None:
        if self._has_copies:
            one = self._copies.behind(self._settled, 0)
            self._oldest_kept = one.newest if one else None
        else:
            self._oldest_kept = self._disk.oldest(self._passed(()))

    @property
    def _is_due(self) -> bool:
        """Whether the disk is tried (again)."""
        return self._clock.monotonic() >= self._retry_at

    def _try(self, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except OSError as error:
            self._failed(error)
            return None

    def _failed(self, error: OSError) -> None:
        if self.fault and not self._is_due:
            return  # it is known, and when it is tried again
        self._retry_at = self._clock.monotonic() + RETRY_SECONDS
        fault = fault_of(error)
        if fault != self.fault:
            self.fault = fault
            hint = "until then samples wait in memory and are lost with the process"
            say = self._log.info if error.errno == errno.EOPNOTSUPP else self._log.error
            say(error.strerror or str(error), reason=fault, hint=hint)


def _stored(one: Waiting[R]) -> StoredRequest:
    request = one.request
    return StoredRequest(one.place, request.samples, request.series, request.kind, request.body)
