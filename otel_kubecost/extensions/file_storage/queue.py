"""``FileQueue``: requests that wait to be sent, in a file of their owner's."""

from __future__ import annotations

import errno
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar
from uuid import uuid4

from otel_kubecost.extensions.file_storage.balance import LOST, balanced
from otel_kubecost.extensions.file_storage.database import Database
from otel_kubecost.extensions.file_storage.rescue import set_aside_beside
from otel_kubecost.extensions.file_storage.rows import (
    BOOK,
    BY_NUMBER,
    COLUMNS,
    INSERT,
    PARK,
    UNFINISHED,
    UNPARK,
    finishing,
    request_of,
    row_of,
    unparking,
)
from otel_kubecost.extensions.file_storage.schema import Statement
from otel_kubecost.storage import Extent, StoredRequest
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

T = TypeVar("T")

USABLE = 0.9
"""The part of a file that requests may fill; the rest is for what sqlite does with them."""
MAX_REQUESTS = 1_000_000
_WORTH_GIVING_BACK = 2**20
"""Bytes of a queue that is empty again."""
_HEAD, _ENTRY = 512, 256
"""Bytes of a request beside its body, and of its entries in indexes, at most."""

_BESIDE = "FROM requests WHERE number NOT IN (SELECT value FROM json_each(?))"
_WAITING = f"{_BESIDE} AND parked = 0"
_IN_ORDER = f"SELECT {COLUMNS} {_WAITING}"
_WEIGHTS = f"SELECT length(body), samples {_BESIDE}"
_OLDEST = f"SELECT newest {_BESIDE} AND parked = ? AND newest > 0 ORDER BY newest LIMIT 1"
_OF_BATCH = "SELECT number, samples FROM requests WHERE batch = ?"
_THESE = "FROM requests WHERE number IN (SELECT value FROM json_each(?))"
_WEIGHTS_OF, _DELETE = f"SELECT length(body), samples {_THESE}", f"DELETE {_THESE}"
_ABOUT = "UPDATE about SET value = ? WHERE name = 'id'"


class FileQueue:
    """Requests in the order of their places; a ledger that is changed with them.

    Not for several threads at once; see ``storage.StorageQueue``.
    """

    def __init__(self, database: Database, room: Callable[[], int]) -> None:
        """``room`` are the bytes that the file may have when it is opened."""
        self.database = database
        self.id = ""
        self.next_number = 1
        self.set_aside: Mapping[str, int] = {}
        self._room = room
        self._ledger: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._peak = 0
        self._page = 4096
        self._spoilt: set[int] = set()
        self._left_over: set[int] = set()
        self._unfinished: int | None = None
        self._unbooked = 0
        self._is_void = False

    def open(self) -> None:
        if self.database.is_open or self._is_void:
            return
        self.database.max_bytes = self._room()
        self.database.open()
        try:
            self._load()
        except BaseException:
            self.database.close()
            raise

    def close(self) -> None:
        """What is in the file by then is read when it is opened again."""
        self._is_void = False
        self.database.close()

    @property
    def ledger(self) -> Mapping[str, int]:
        return self._ledger

    @property
    def extent(self) -> Extent:
        return Extent(self._held["requests"], self._held["bytes"])

    def oldest(self, passed: Collection[int]) -> int | None:
        beside = _listed({*passed, *self._left_over})
        every = [row for parked in (0, 1) for row in self._query(_OLDEST, beside, parked)]
        return min((newest for (newest,) in every), default=None)

    @property
    def filled(self) -> float:
        return self._fill(self._held)

    def fits(self, more: Extent) -> bool:
        room = more.bytes + more.requests * (self._page + _HEAD + _ENTRY)
        return self._fill(self._held + Counter(requests=more.requests, room=room)) <= 1

    def first(self, passed: Collection[int]) -> StoredRequest | None:
        return self._mended(lambda: self._one(passed, "", 0))

    def get(self, number: int) -> StoredRequest | None:
        return self._mended(lambda: self._read(number))

    def behind(self, passed: Collection[int], place: int) -> StoredRequest | None:
        some, passed = "AND samples > 0", {*passed, *self._left_over}
        ((count,),) = self._query(f"SELECT count(*) {_WAITING} {some}", _listed(passed))
        return self._mended(lambda: self._one(passed, some, max(0, min(place, count - 1))))

    def change(
        self,
        added: Sequence[StoredRequest],
        removed: Collection[int],
        booked: Mapping[str, int],
        unfinished: int | None = None,
    ) -> None:
        self.open()
        self._mended(lambda: self._change(added, {*removed, *self._spoilt}, booked, unfinished))
        if not self._held["requests"] and self._peak > _WORTH_GIVING_BACK:
            self._peak = 0
            self.database.give_back()

    def _change(
        self,
        added: Sequence[StoredRequest],
        removed: Collection[int],
        booked: Mapping[str, int],
        unfinished: int | None = None,
    ) -> None:
        held = self._held_beside({*removed})
        held.update(self._weighed((len(one.body), one.samples) for one in added))
        unbooked = self._unbooked if unfinished == self._unfinished else 0
        unbooked += sum(one.samples for one in added if one.place.batch == unfinished)
        booked = balanced(self._ledger, booked, held["samples"] - unbooked)
        news = [
            finishing(unfinished),
            *self._unsettling(),
            *((INSERT, (*row_of(one), False)) for one in added),
            *((BOOK, item) for item in booked.items() if item[1]),
            *unparking(one for one in added if one.place.batch != unfinished),
        ]
        is_of_use = held["requests"] > len(added) or not self._held["requests"]
        self._write({*removed, *self._left_over}, news, is_of_use=is_of_use)
        self._ledger.update(booked)
        self._held = held
        self._unfinished, self._unbooked = unfinished, unbooked
        self._spoilt.clear()
        self._left_over.clear()
        self._peak = max(self._peak, held["room"])
        self.next_number = max([self.next_number, *(one.place.number + 1 for one in added)])

    def _write(self, gone: Collection[int], news: Sequence[Statement], *, is_of_use: bool) -> None:
        """Begin anew where nothing on a full disk ``is_of_use`` and it cannot be deleted.

        If there is no room for a new file either, the next change begins that.
        """
        if not self._is_void:
            try:
                self.database.write([*([(_DELETE, (_listed(gone),))] if gone else ()), *news])
            except OSError as error:
                if error.errno != errno.ENOSPC or is_of_use:
                    raise
            else:
                return
        known = [(_ABOUT, (self.id,)), *((BOOK, item) for item in self._ledger.items())]
        self._is_void = True
        self.database.begin_anew([*known, *news])
        self._is_void = False

    def _one(self, passed: Collection[int], which: str, offset: int) -> StoredRequest | None:
        statement = f"{_IN_ORDER} {which} ORDER BY newest, batch, rank LIMIT 1 OFFSET ?"
        hidden = self._left_over
        while rows := self.database.query(
            statement, _listed({*passed, *hidden, *self._spoilt}), offset
        ):
            if request := request_of(rows[0]):
                return request
            self._lose_what_is_spoilt()
        return None

    def _read(self, number: int) -> StoredRequest | None:
        """None where it is not there, or not as it was written."""
        return next(map(request_of, self.database.query(BY_NUMBER, number)), None)

    def _lose_what_is_spoilt(self) -> None:
        """Sqlite itself notices damage of its own pages, not of what they have in them."""
        every = self.database.query("SELECT number FROM requests")
        self._spoilt |= {number for (number,) in every if self._read(number) is None}
        self.id = uuid4().hex
        _log.error(
            f"Of {self.database.path} {len(self._spoilt)} requests are damaged, and dropped",
            hint="they are asked of their receiver again, if that can tell; look at the disk",
        )
        with suppress(OSError):  # then it goes with the next change
            self._change((), self._spoilt, {}, self._unfinished)

    def _unsettling(self) -> Iterator[Statement]:
        """All but the batch that is coming wait for what comes in the place of the spoilt."""
        if self._spoilt:
            yield _ABOUT, (self.id,)
            yield PARK, ()
        yield UNPARK, (self._unfinished,)

    def _query(self, statement: str, *values: object) -> list[tuple[int, ...]]:
        return self._mended(lambda: self.database.query(statement, *values))

    def _mended(self, work: Callable[[], T]) -> T:
        """Once more where damage is found: what can be read of the file goes on in a new one."""
        was_open = self.database.is_open
        try:
            return work()
        except OSError as error:
            if error.errno != errno.EBADMSG or not was_open:
                raise
        self.open()
        return work()

    def _held_beside(self, removed: Collection[int]) -> Counter[str]:
        if self._is_void:
            return Counter()
        held = Counter(self._held)
        if gone := {*removed} - self._left_over:
            held.subtract(self._weighed(self.database.query(_WEIGHTS_OF, _listed(gone))))
        return held

    def _weighed(self, rows: Iterable[tuple[int, int]]) -> Counter[str]:
        """What requests count for by their bytes and samples; none shares a page with another."""
        held: Counter[str] = Counter()
        for size, samples in rows:
            held["requests"] += 1
            held["bytes"] += size
            held["room"] += ((size + _HEAD) // self._page + 1) * self._page + _ENTRY
            held["samples"] += samples
        return held

    def _fill(self, held: Counter[str]) -> float:
        of_file = held["room"] / (USABLE * self.database.max_bytes)
        return max(of_file, held["requests"] / MAX_REQUESTS)

    def _load(self) -> None:
        self._load_unfinished()
        ((self.id,),) = self.database.query("SELECT value FROM about WHERE name = 'id'")
        ((self._page,),) = self.database.query("PRAGMA page_size")
        self._held = self._weighed(self.database.query(_WEIGHTS, _listed(self._left_over)))
        self._ledger = Counter(dict(self.database.query("SELECT name, samples FROM ledger")))
        self.set_aside = set_aside_beside(self.database.path)
        self._spoilt.clear()
        self._peak = 0
        ((newest,),) = self.database.query("SELECT max(number) FROM requests")
        self.next_number = max(self.next_number, (newest or 0) + 1)
        self._book_what_is_missing()

    def _load_unfinished(self) -> None:
        """What there is of a batch goes on if it is this process', and else is left over."""
        batch = next((batch for (batch,) in self.database.query(UNFINISHED)), None)
        begun: dict[int, int] = dict(self.database.query(_OF_BATCH, batch))
        is_ours = batch == self._unfinished
        unbooked = sum(begun.values()) if is_ours else 0
        if unbooked < self._unbooked:  # meanwhile somebody else had the file
            self.database.write([(_ABOUT, (uuid4().hex,))])
        self._left_over = set() if is_ours else {*begun}
        self._unfinished, self._unbooked = batch if is_ours else None, unbooked

    def _book_what_is_missing(self) -> None:
        booked = balanced(self._ledger, {}, self._held["samples"] - self._unbooked)
        if any(booked.values()):
            self._change((), (), {}, self._unfinished)
        if booked[LOST] > 0:
            _log.warning(
                f"{booked[LOST]} samples of {self.database.path} are lost",
                hint="they are asked of their receiver again, as far back as that can tell",
            )


def _listed(numbers: Collection[int]) -> str:
    return json.dumps(list(numbers))
