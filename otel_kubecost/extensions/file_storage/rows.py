"""How requests lie in a file, and what can be read of one that is damaged."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from otel_kubecost.extensions.file_storage.opening import read_only
from otel_kubecost.extensions.file_storage.rescue import readable_rows
from otel_kubecost.extensions.file_storage.schema import Row, Schema, Statement
from otel_kubecost.storage import Place, StoredRequest

COLUMNS = "number, newest, batch, rank, samples, series, kind, checksum, body"
BY_NUMBER = f"SELECT {COLUMNS} FROM requests WHERE number = ?"  # noqa: S608  names of ours
INSERT = f"INSERT INTO requests ({COLUMNS}, parked) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  names of ours
_TYPES = (int, int, int, str, int, int, str, int, bytes)
BOOK = (
    "INSERT INTO ledger VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET samples = samples + excluded.samples"
)


def row_of(one: StoredRequest) -> Row:
    """But for whether it is parked."""
    (newest, batch, rank, number), samples, series, kind, body = one
    return number, newest, batch, rank, samples, series, kind, zlib.crc32(body), body


def request_of(row: Row) -> StoredRequest | None:
    """None where something else is in the file than was written to it: sqlite does not notice."""
    number, newest, batch, rank, samples, series, kind, checksum, body = row
    if tuple(map(type, row)) != _TYPES or zlib.crc32(body) != checksum:
        return None
    return StoredRequest(Place(newest, batch, rank, number), samples, series, kind, body)


UNFINISHED = "SELECT CAST(value AS INTEGER) FROM about WHERE name = 'unfinished'"
"""The batch that nobody finished."""


def finishing(unfinished: int | None) -> Statement:
    """What says that all batches are finished but for this one."""
    if unfinished is None:
        return "DELETE FROM about WHERE name = 'unfinished'", ()
    return "INSERT OR REPLACE INTO about VALUES ('unfinished', ?)", (str(unfinished),)


PARK = "UPDATE requests SET parked = 1"
UNPARK = "UPDATE requests SET parked = 0 WHERE parked = 1 AND batch = ?"


def unparking(added: Iterable[StoredRequest]) -> Iterator[Statement]:
    """What is older than these has waited for them."""
    newest = max((one.place.newest for one in added), default=0)
    if newest:
        yield "UPDATE requests SET parked = 0 WHERE parked = 1 AND newest < ?", (newest,)


def waiting_in(path: Path) -> int:
    """How many samples are in a file that is not open; 0 where nobody can tell."""
    samples = 0
    with suppress(sqlite3.Error, OSError), closing(read_only(path)) as connection:
        (samples,) = connection.execute("SELECT total(samples) FROM requests").fetchone()
    return int(samples)


def _rescued(path: Path) -> Iterator[Statement]:
    """The id is another one, so it is known that something may be missing."""
    for row in readable_rows(path, "requests", "number", COLUMNS):
        if request_of(row):
            yield INSERT, (*row, True)
    for name, samples in readable_rows(path, "ledger", "name", "name, samples"):
        if isinstance(samples, int):
            yield BOOK, (name, samples)
    for name, value in readable_rows(path, "about", "name", "name, value"):
        if name == "unfinished" and str(value).isdecimal():
            yield finishing(int(value))


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
        "INSERT OR IGNORE INTO about VALUES ('id', lower(hex(randomblob(16))))",
    ],
    _rescued,
    page=8192,  # to write bodies of 300 KB costs two thirds of what it does in pages of 4096
)
"""What is ``parked`` lies beside what was lost. It waits for something newer: what was lost may
come again from its receiver, and then has to be sent before it.

A batch that is written in several transactions is named ``unfinished`` in ``about`` by all but the
last. What there is of it after a kill leaves with the next change: a batch is there as a whole or
not at all."""
