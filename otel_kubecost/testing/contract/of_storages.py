"""What holds for extensions in which other components keep something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from otel_kubecost.storage import Extent, Place, Storage, StorageQueue, StoredRequest
from otel_kubecost.testing.contract.rules import KEEPS
from otel_kubecost.testing.contract.subject import Subject

_ONE, _OTHER = "check/one", "check/other"


def check_client(subject: Subject) -> None:
    with subject.running() as storage:
        if not isinstance(storage, Storage):
            return
        one, other = storage.client(_ONE), storage.client(_OTHER)
        subject.call(KEEPS, "set", lambda: one.set("key", b"\0first"))
        subject.call(KEEPS, "set", lambda: one.set("key", b"\0second"))
        _expect(subject, "get", lambda: one.get("key"), b"\0second")
        _expect(subject, "get of another owner", lambda: other.get("key"), None)
        _restart(subject, storage)
        kept = storage.client(_ONE)
        _expect(subject, "get after shutdown and start", lambda: kept.get("key"), b"\0second")
        subject.call(KEEPS, "delete", lambda: kept.delete("key"))
        subject.call(KEEPS, "delete of what is gone", lambda: kept.delete("key"))
        _expect(subject, "get of what is gone", lambda: kept.get("key"), None)


def check_queue(subject: Subject) -> None:
    with subject.running() as storage:
        if not isinstance(storage, Storage):
            return
        queue = _opened(subject, storage, "account")
        number, booked = queue.next_number, queue.ledger.get("accepted", 0)
        requests = [_request(number + 1, 2000), _request(number, 1000)]
        subject.call(KEEPS, "change", lambda: queue.change(requests, [], {"accepted": 2}))
        _check_waiting(subject, queue, number, booked + 2)
        other = _opened(subject, storage, "other account")
        _expect(subject, "first of another account", lambda: other.first(()), None)
        _restart(subject, storage)
        kept = _opened(subject, storage, "account")
        _check_waiting(subject, kept, number, booked + 2)
        subject.call(KEEPS, "change", lambda: kept.change([], [number, number + 1], {}))
        _expect(subject, "extent of an empty queue", lambda: kept.extent, Extent())


def _check_waiting(subject: Subject, queue: StorageQueue, number: int, booked: int) -> None:
    _expect(subject, "first", lambda: queue.first(()), _request(number, 1000))
    _expect(subject, "oldest", lambda: queue.oldest([number]), 2000)
    _expect(subject, "extent", lambda: queue.extent, Extent(2, 8))
    _expect(subject, "ledger", lambda: queue.ledger.get("accepted"), booked)
    _expect(subject, "next_number above all", lambda: queue.next_number > number + 1, True)


def check_beside(subject: Subject) -> None:
    """For commands that look into it, beside an agent or without one."""
    with subject.running() as storage:
        if not isinstance(storage, Storage):
            return
        client = storage.client(_ONE)
        subject.call(KEEPS, "set", lambda: client.set("key", b"value"))
        subject.end(storage)
        beside: Any = subject.build()
        subject.call(KEEPS, "start_shared", beside.start_shared)
        _expect(subject, "get after it", lambda: beside.client(_ONE).get("key"), b"value")
        subject.end(beside)


def _opened(subject: Subject, storage: Storage, account: str) -> StorageQueue:
    queue = storage.queue(_ONE, account)
    subject.call(KEEPS, "open", queue.open)
    return queue


def _restart(subject: Subject, storage: Any) -> None:
    subject.end(storage)
    subject.start(storage)


def _request(number: int, newest: int) -> StoredRequest:
    return StoredRequest(Place(newest, number, "", number), 1, 1, "check", b"body")


def _expect(subject: Subject, what: str, asked: Callable[[], Any], expected: Any) -> None:
    found = subject.call(KEEPS, what, asked)
    if found != expected:
        raise KEEPS.broken(f"{what} gave {found!r} and not {expected!r}")


OF_STORAGES = (check_client, check_queue, check_beside)
