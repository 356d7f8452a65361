"""``FileQueue``: requests that wait to be sent, in a file of their owner's."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from uuid import uuid4

from otel_kubecost.extensions.file_storage.database import (
    Database,
    Row,
    Schema,
    Statement,
    readable_rows,
)
from otel_kubecost.storage import Extent, Place, StoredRequest
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

QUEUE = Schema(
    1,
    [
        """
        CREATE TABLE IF NOT EXISTS requests (
            number INTEGER PRIMARY KEY, newest INTEGER NOT NULL, batch INTEGER NOT NULL,
            rank TEXT NOT NULL, samples INTEGER NOT NULL, series INTEGER NOT NULL,
            kind TEXT NOT NULL, checksum INTEGER NOT NULL, parked INTEGER NOT NULL,
            body BLOB NOT NULL
        )
        """,
        "CREATE INDEX IF NOT EXISTS in_order ON requests (parked, newest, batch, rank)",
        "CREATE TABLE IF NOT EXISTS ledger (name TEXT PRIMARY KEY, samples INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    ],
)
"""What is ``parked`` was read from a damaged file. It waits for something newer: what was lost
beside it may come again from its receiver, and then has to be sent before it."""

USABLE = 0.9
"""The part of a file that requests may fill; the rest is for what sqlite does with them."""
MAX_REQUESTS = 1_000_000
_PAGE = 4096
_WORTH_GIVING_BACK = 256
"""Pages of a queue that is empty again."""

_COLUMNS = "number, newest, batch, rank, samples, series, kind, checksum, body"
_INSERT = f"INSERT INTO requests ({_COLUMNS}, parked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  names of ours
_WAITING = "FROM requests WHERE parked = 0 AND number NOT IN (SELECT value FROM json_each(?))"
_BOOK = (
    "INSERT INTO ledger VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET samples = samples + excluded.samples"
)
_ABOUT = "INSERT OR REPLACE INTO about VALUES (?, ?)"
_PENDING, _LOST = "accepted", "dropped:damaged"


class FileQueue:
    """Requests in the order of their places; a ledger that is changed with them.

    Not for several threads at once; see ``storage.StorageQueue``.
    """

    def __init__(
        self,
        database: Database,
        account: str,
        predecessor: FileQueue | None,
        permit: Callable[[FileQueue], None],
    ) -> None:
        """``predecessor`` has the file until this is opened; ``permit`` raises OSError."""
        self.database = database
        self.account = account
        self._predecessor = predecessor
        self._permit = permit
        self.id = ""
        self.next_number = 1
        self._ledger: Counter[str] = Counter()
        self._requests = 0
        self._bytes = 0
        self._pages = 0
        self._peak = 0

    def open(self) -> None:
        if self.database.is_open:
            return
        self._permit(self)
        if self._predecessor:
            self._predecessor.database.close()
        aside = self.database.open()
        self._refuse_other_accounts()
        if aside:
            self._take_over(aside)
        self._load()

    @property
    def ledger(self) -> Mapping[str, int]:
        return self._ledger

    @property
    def extent(self) -> Extent:
        return Extent(self._requests, self._bytes)

    @property
    def oldest(self) -> int | None:
        rows = self.database.query("SELECT min(newest) FROM requests WHERE newest > 0")
        oldest: int | None = rows[0][0]
        return oldest

    @property
    def filled(self) -> float:
        return self._fill(self._pages, self._requests)

    def fits(self, more: Extent) -> bool:
        pages = self._pages + more.bytes // _PAGE + 2 * more.requests
        return self._fill(pages, self._requests + more.requests) <= 1

    def first(self, passed: Collection[int]) -> StoredRequest | None:
        return self._one(passed, "", 0)

    def behind(self, passed: Collection[int], place: int) -> StoredRequest | None:
        some = "AND samples > 0"
        ((count,),) = self.database.query(f"SELECT count(*) {_WAITING} {some}", _listed(passed))
        return self._one(passed, some, max(0, min(place, count - 1)))

    def change(
        self,
        added: Sequence[StoredRequest],
        removed: Collection[int],
        booked: Mapping[str, int],
    ) -> None:
        gone = self._extents(removed)
        self.database.write(
            [
                *((_INSERT, _row(one, parked=False)) for one in added),
                *(("DELETE FROM requests WHERE number = ?", (one,)) for one in removed),
                *((_BOOK, item) for item in booked.items() if item[1]),
                *_unparking(added),
            ]
        )
        self._ledger.update(booked)
        self._count(len(one.body) for one in added)
        self._count(gone, -1)
        self.next_number = max([self.next_number, *(one.place.number + 1 for one in added)])
        self._peak = max(self._peak, self._pages)
        if not self._requests and self._peak > _WORTH_GIVING_BACK:
            self._peak = 0
            self.database.query("PRAGMA incremental_vacuum")

    def _one(self, passed: Collection[int], which: str, offset: int) -> StoredRequest | None:
        rows = self.database.query(
            f"SELECT {_COLUMNS} {_WAITING} {which} ORDER BY newest, batch, rank LIMIT 1 OFFSET ?",
            _listed(passed),
            offset,
        )
        if not rows:
            return None
        if not _is_whole(rows[0]):
            self._lose(rows[0])
            return self._one(passed, which, offset)
        return _stored(rows[0])

    def _lose(self, row: Row) -> None:
        """Sqlite itself notices damage of its own pages, not of what they have in them."""
        number, samples = row[0], row[4]
        self.id = str(uuid4())
        self.database.write([(_ABOUT, ("id", self.id))])
        self.change((), [number], {_LOST: samples})
        _log.error(
            f"A request in {self.database.path} is damaged: its {samples} samples are dropped",
            hint="they are asked of their receiver again, if that can tell; look at the disk",
        )

    def _extents(self, numbers: Collection[int]) -> list[int]:
        found = []
        for number in numbers:
            found += self.database.query(
                "SELECT length(body) FROM requests WHERE number = ?", number
            )
        return [size for (size,) in found]

    def _count(self, sizes: Iterable[int], sign: int = 1) -> None:
        for size in sizes:
            self._requests += sign
            self._bytes += sign * size
            self._pages += sign * _pages(size)

    def _fill(self, pages: int, requests: int) -> float:
        of_file = pages * _PAGE / (USABLE * self.database.max_bytes)
        return max(of_file, requests / MAX_REQUESTS)

    def _refuse_other_accounts(self) -> None:
        """What was to be sent as one account's is not sent as another's."""
        known: dict[str, str] = dict(self.database.query("SELECT name, value FROM about"))
        if known.get("account", self.account) != self.account:
            aside = self.database.set_aside("other-account")
            _log.error(
                f"{self.database.path} is of another account: it is set aside, and a new one begun",
                hint="give that account an exporter of its own name and its header, "
                f"and rename {aside.name} to its file",
            )
            self.database.open()
            known = {}
        self.id = known.get("id") or str(uuid4())
        self.database.write([(_ABOUT, ("account", self.account)), (_ABOUT, ("id", self.id))])

    def _take_over(self, aside: Path) -> None:
        """What can be read of a damaged file."""
        rows = [
            row for row in readable_rows(aside, "requests", _COLUMNS, ["number"]) if _is_whole(row)
        ]
        ledger: Counter[str] = Counter(
            dict(readable_rows(aside, "ledger", "name, samples", ["name"]))
        )
        kept = sum(_stored(row).samples for row in rows)
        pending = 2 * ledger[_PENDING] - ledger.total()
        ledger[_LOST if pending > kept else _PENDING] += abs(pending - kept)
        self.database.write(
            [
                *((_INSERT, (*row, True)) for row in rows),
                *((_BOOK, item) for item in ledger.items()),
            ]
        )
        _log.warning(
            f"Of {aside} {kept} samples are taken over",
            lost=max(0, pending - kept),
            hint="what is missing is asked of its receiver again, as far back as that can tell",
        )

    def _load(self) -> None:
        self._ledger = Counter(dict(self.database.query("SELECT name, samples FROM ledger")))
        self._requests = self._bytes = self._pages = self._peak = 0
        self._count(size for (size,) in self.database.query("SELECT length(body) FROM requests"))
        ((newest,),) = self.database.query("SELECT max(number) FROM requests")
        self.next_number = max(self.next_number, (newest or 0) + 1)


def _unparking(added: Sequence[StoredRequest]) -> Iterator[Statement]:
    if added:
        newest = max(one.place.newest for one in added)
        yield "UPDATE requests SET parked = 0 WHERE parked = 1 AND newest < ?", (newest,)


def _listed(numbers: Collection[int]) -> str:
    return json.dumps(list(numbers))


def _row(one: StoredRequest, *, parked: bool) -> Row:
    (newest, batch, rank, number), samples, series, kind, body = one
    return number, newest, batch, rank, samples, series, kind, zlib.crc32(body), body, parked


def _stored(row: Row) -> StoredRequest:
    number, newest, batch, rank, samples, series, kind, _, body = row
    return StoredRequest(Place(newest, batch, rank, number), samples, series, kind, body)


def _is_whole(row: Row) -> bool:
    *_, checksum, body = row
    return isinstance(body, bytes) and zlib.crc32(body) == checksum


def _pages(size: int) -> int:
    """What a request takes in the file, and its place in the index."""
    return size // _PAGE + 2
