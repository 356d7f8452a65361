"""What components may keep over the end of the process: protocols between them and an extension.

Every method raises OSError, with a sentence that says the remedy, where the medium fails. Its
``errno`` says how: EAGAIN another process has it, EBADMSG damaged, ENOSPC full, EROFS or EACCES
not to be written to, EIO anything else.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable


class StorageClient(Protocol):
    """A small store of bytes by key, of one owner."""

    def get(self, key: str) -> bytes | None: ...
    def set(self, key: str, value: bytes) -> None: ...
    def delete(self, key: str) -> None: ...


class Place(NamedTuple):
    """Where a request waits: they leave in this order."""

    newest: int
    """Milliseconds since the epoch; 0 where there are no samples."""
    batch: int
    """Requests of one batch have no series in common."""
    rank: str
    """Within the batch; those of the parts of a request begin with its own."""
    number: int
    """Of its own for each request of a queue."""


class StoredRequest(NamedTuple):
    """A request as it is kept."""

    place: Place
    samples: int
    series: int
    kind: str
    """What ``body`` is an encoding of."""
    body: bytes


class Extent(NamedTuple):
    """How much is kept."""

    requests: int = 0
    bytes: int = 0
    """Of bodies."""


class StorageQueue(Protocol):
    """Requests of one owner that wait to be sent, and a ledger in samples by name.

    Each change is one transaction, and on the disk when the method returns. Not for several
    threads at once.
    """

    def open(self) -> None:
        """Make it ready, unless it is. Works from the storage's ``start`` to its ``shutdown``.

        A file that is damaged or too new is set aside. Of a damaged one what can be read is kept;
        what cannot is ``dropped:damaged`` in the ledger. Every other method does the same.
        """
        ...

    @property
    def id(self) -> str:
        """Another one where the queue may lack what was put into it before."""
        ...

    @property
    def set_aside(self) -> Mapping[str, int]:
        """How many files were that could not be used and are still there, by why."""
        ...

    @property
    def ledger(self) -> Mapping[str, int]: ...

    @property
    def extent(self) -> Extent: ...

    @property
    def next_number(self) -> int:
        """Greater than that of all that it ever had."""
        ...

    def oldest(self, passed: Collection[int]) -> int | None:
        """The time (ms) of the oldest request with samples that is not ``passed``; None without."""
        ...

    @property
    def filled(self) -> float:
        """The part of the room that is used."""
        ...

    def fits(self, more: Extent) -> bool:
        """Whether there is room for so much more."""
        ...

    def first(self, passed: Collection[int]) -> StoredRequest | None:
        """The first that is not among the numbers ``passed``."""
        ...

    def get(self, number: int) -> StoredRequest | None: ...

    def behind(self, passed: Collection[int], place: int) -> StoredRequest | None:
        """Of those with samples that are not ``passed`` the one at ``place``, or the last."""
        ...

    def change(
        self,
        added: Sequence[StoredRequest],
        removed: Collection[int],
        booked: Mapping[str, int],
        unfinished: int | None = None,
    ) -> None:
        """Add, remove, and add ``booked`` to the ledger. Numbers that are not there are no error.

        ``unfinished`` is a batch of which more is to come: its requests are in no ledger yet, and
        gone when another process opens the queue before a change that does not name it.
        What was read from a damaged file waits for the first ``added`` that is newer.
        """
        ...


@runtime_checkable
class Storage(Protocol):
    """An extension in which other components keep what has to outlive the process."""

    def client(self, owner: str) -> StorageClient:
        """The store of ``owner``, a component's id. Works from ``start`` to ``shutdown``."""
        ...

    def queue(self, owner: str, account: str) -> StorageQueue:
        """The queue of ``owner``; what it keeps is never sent as another ``account``'s."""
        ...

    def start_shared(self) -> None:
        """Start beside a process that has it to itself: for commands that look into it.

        Queues cannot be opened then: EOPNOTSUPP.
        """
        ...
