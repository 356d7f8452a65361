"""Where requests wait, and the ledger of them: in memory here, on a disk in ``spool``."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol
from uuid import uuid4

from otel_kubecost.exporters.sending.entry import R, Sendable
from otel_kubecost.exporters.sending.ledger import NOTHING, Ledger
from otel_kubecost.storage import Extent, Place


class Waiting(NamedTuple, Generic[R]):
    """A request in its place."""

    place: Place
    request: R


class Store(Protocol[R]):
    """Requests that wait, oldest first: by time, then by batch. Not for several threads at once."""

    @property
    def id(self) -> str:
        """Another one where it may lack what was put into it before."""
        ...

    @property
    def is_durable(self) -> bool:
        """Whether what it has outlives the process."""
        ...

    @property
    def fault(self) -> str:
        """Why it is less durable than it should be; empty where it is not."""
        ...

    @property
    def set_aside(self) -> Mapping[str, int]:
        """How many files could not be used and were kept, by why."""
        ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def extent(self) -> Extent: ...

    @property
    def oldest(self) -> int | None:
        """The time (ms) of the oldest request with samples; None where there is none."""
        ...

    @property
    def oldest_perishing(self) -> int | None:
        """As ``oldest``, of those that are gone with the process."""
        ...

    def open(self) -> None:
        """Make it ready; before anything else, and harmless twice."""
        ...

    @property
    def filled(self) -> float:
        """The part of the room that is used; more than 1 where there is too much."""
        ...

    def fits(self, samples: int, more: Extent) -> bool:
        """Whether there is room for so much more."""
        ...

    def surplus(self, passed: Collection[int], least: int) -> Waiting[R] | None:
        """As ``first``, of where there is too much; None where there is not.

        ``least`` samples always have room.
        """
        ...

    def first(self, passed: Collection[int]) -> Waiting[R] | None:
        """The first that is not among the numbers ``passed``."""
        ...

    def behind(self, passed: Collection[int], place: int) -> R | None:
        """Of those with samples that are not ``passed`` the one at ``place``, or the last."""
        ...

    def perishing(self, passed: Collection[int]) -> Waiting[R] | None:
        """As ``first``, of those that are gone with the process."""
        ...

    def change(
        self,
        added: Sequence[R] = (),
        removed: Collection[int] = (),
        booked: Ledger = NOTHING,
        instead: Place | None = None,
    ) -> list[Place]:
        """Add and remove at once, and book it; the places of those that were ``added``.

        These are where ``instead`` is, or are a batch of their own.
        """
        ...

    def settle(self, number: int, booked: Ledger) -> None:
        """Remove one and book it; the disk may hear of it with others: see ``catch_up``."""
        ...

    def catch_up(self) -> None:
        """Tell the disk what it was not told of yet, unless it fails."""
        ...

    def put(
        self, added: Sequence[R], booked: Ledger = NOTHING, *, more: bool = False
    ) -> list[Place]:
        """Add a batch, or the next part of it where ``more`` is to come: then it is not there yet.

        With its last part it is there as a whole; the places of all parts.
        """
        ...

    def withdraw(self) -> None:
        """Forget the batch of which more was to come."""
        ...


class MemoryStore(Generic[R]):
    """Requests that are gone with the process; room for ``capacity`` samples."""

    is_durable = False
    fault = ""
    set_aside: Mapping[str, int] = MappingProxyType({})

    def __init__(self, capacity: int) -> None:
        self.id = str(uuid4())
        self.ledger: Counter[str] = Counter()
        self._capacity = capacity
        self._samples = 0
        self._bytes = 0
        self._places: list[Place] = []
        self._requests: dict[int, R] = {}
        self._coming: list[R] = []
        self._next = 1

    def open(self) -> None:
        pass

    @property
    def extent(self) -> Extent:
        return Extent(len(self._places), self._bytes)

    @property
    def oldest(self) -> int | None:
        return next((place.newest for place in self._places if place.newest), None)

    @property
    def oldest_perishing(self) -> int | None:
        return self.oldest

    @property
    def filled(self) -> float:
        return self._samples / self._capacity

    def fits(self, samples: int, more: Extent) -> bool:  # noqa: ARG002  the protocol's
        return self._samples + samples <= self._capacity

    def surplus(self, passed: Collection[int], least: int) -> Waiting[R] | None:
        return self.first(passed) if self._samples > max(self._capacity, least) else None

    def first(self, passed: Collection[int]) -> Waiting[R] | None:
        return next(self._beside(passed), None)

    def behind(self, passed: Collection[int], place: int) -> R | None:
        found = None
        for at, one in enumerate(one for one in self._beside(passed) if one.request.samples):
            found = one.request
            if at == place:
                break
        return found

    def perishing(self, passed: Collection[int]) -> Waiting[R] | None:
        return self.first(passed)

    def change(
        self,
        added: Sequence[R] = (),
        removed: Collection[int] = (),
        booked: Ledger = NOTHING,
        instead: Place | None = None,
    ) -> list[Place]:
        places = places_for(added, self._next, instead)
        self._next += len(added)
        self.keep(map(Waiting, places, added))
        self.discard(removed)
        self.ledger.update(booked)
        return places

    def settle(self, number: int, booked: Ledger) -> None:
        self.change(removed=[number], booked=booked)

    def catch_up(self) -> None:
        pass

    def put(
        self, added: Sequence[R], booked: Ledger = NOTHING, *, more: bool = False
    ) -> list[Place]:
        self._coming += added
        if more:
            return []
        whole, self._coming = self._coming, []
        return self.change(whole, booked=booked)

    def withdraw(self) -> None:
        self._coming = []

    def keep(self, waiting: Iterable[Waiting[R]]) -> None:
        """Add to other places than its own, without booking."""
        for place, request in waiting:
            insort(self._places, place)
            self._requests[place.number] = request
            self._bytes += len(request.body)
            self._samples += request.samples

    def discard(self, numbers: Collection[int]) -> set[int]:
        """Remove without booking; gives the numbers that are not here."""
        here = self._requests.keys() & set(numbers)
        for number in here:
            request = self._requests.pop(number)
            self._bytes -= len(request.body)
            self._samples -= request.samples
        if here:
            self._places = [place for place in self._places if place.number not in here]
        return set(numbers) - here

    def waiting(self) -> list[Waiting[R]]:
        return list(self._beside(()))

    def take_all(self) -> list[Waiting[R]]:
        """Remove everything without booking; gives it."""
        every = self.waiting()
        self.discard(self._requests.keys())
        return every

    def _beside(self, passed: Collection[int]) -> Iterator[Waiting[R]]:
        for place in self._places:
            if place.number not in passed:
                yield Waiting(place, self._requests[place.number])


def places_for(
    requests: Sequence[Sendable],
    first: int,
    instead: Place | None = None,
    behind: Sequence[Place] = (),
) -> list[Place]:
    """Of new requests, which have the numbers from ``first`` on.

    They are where ``instead`` is, or follow those ``behind`` which they come in their batch.
    """
    batch, rank = (instead.batch, instead.rank) if instead else (first, "")
    batch = behind[0].batch if behind else batch
    return [
        Place(one.newest, batch, f"{rank}{len(behind) + at:06}", first + at)
        for at, one in enumerate(requests)
    ]
