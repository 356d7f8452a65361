"""One sqlite file, opened so that what was written stays written [I/O].

A write-ahead log with ``synchronous=FULL``: what a call has returned from survives a kill and a
loss of power. A file that cannot be read is set aside, and a new one begun: an agent that does not
start helps nobody. What can still be read of it is for its owner to take over.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from otel_kubecost.extensions.file_storage.faults import DAMAGED, closed, code_of, sqlite_fault
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

BUSY_SECONDS = 5.0
"""How long a write waits for that of a command beside the agent."""
_WAL_BYTES = 4 * 2**20
"""What the write-ahead log keeps of the disk when it is empty."""

Row: TypeAlias = tuple[Any, ...]
Statement: TypeAlias = tuple[str, Sequence[Any]]


class Schema(NamedTuple):
    """What a file has in it."""

    version: int
    """Kept in the file; one that is newer is not touched."""
    tables: Sequence[str]
    """Statements that make them where they are not there."""


class Database:
    """A file of one schema, at most ``max_bytes`` of it. Safe to use from several threads.

    Every method raises OSError with a sentence (see ``faults``).
    """

    def __init__(
        self, path: Path, schema: Schema, max_bytes: int, now: Callable[[], float]
    ) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._schema = schema
        self._now = now
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self.fault: OSError = closed(str(path.parent))
        """What is said while it is not open."""

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    def open(self) -> Path | None:
        """Make it ready. Gives the path of a damaged file that was set aside for it."""
        try:
            return self._open()
        except sqlite3.Error as error:
            raise self._failed(error) from None

    def query(self, statement: str, *values: Any) -> list[Row]:
        """All rows of one statement, which is a transaction if it writes."""
        with self._lock:
            try:
                return self._opened().execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise self._failed(error) from None

    def write(self, statements: Iterable[Statement]) -> None:
        """All of them or none: one transaction."""
        with self._lock:
            connection = self._opened()
            try:
                connection.execute("BEGIN IMMEDIATE")
                for statement, values in statements:
                    connection.execute(statement, values)
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise self._failed(error) from None

    def set_aside(self, why: str) -> Path:
        """Close it, and rename its file with its log; gives the new name of the former."""
        self.close()
        return _set_aside(self.path, why, self._now())

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection:
            connection.close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise OSError(*self.fault.args)  # a new one, as each keeps the frames it passed
        return self._connection

    def _failed(self, error: sqlite3.Error) -> OSError:
        """After damage it is closed, and says so until it is opened again."""
        fault = sqlite_fault(str(self.path.parent), error)
        if code_of(error) in DAMAGED:
            connection, self._connection = self._connection, None
            self.fault = fault
            if connection:
                connection.close()
        return fault

    def _open(self) -> Path | None:
        aside = None
        try:
            connection = _connected(self.path, self._schema, self.max_bytes)
        except sqlite3.DatabaseError as error:
            if code_of(error) not in DAMAGED:
                raise
            aside = _set_aside(self.path, "damaged", self._now())
            event = f"{self.path} is damaged: it is set aside, and a new one begun"
            _log.error(event, hint=str(error), aside=aside.name)
            connection = _connected(self.path, self._schema, self.max_bytes)
        if _version(connection) > self._schema.version:
            connection.close()
            newer = _set_aside(self.path, "newer", self._now())
            hint = f"rename {newer.name} back before you use that version again"
            _log.error(
                f"{self.path} is of a newer version: it is set aside, and a new one begun",
                hint=hint,
            )
            connection = _connected(self.path, self._schema, self.max_bytes)
        self._connection = connection
        return aside


def readable_rows(path: Path, table: str, columns: str, key: Sequence[str]) -> Iterator[Row]:
    """What can be read of a damaged file: from the first row to the damage, and from the last.

    The first of ``columns`` tells rows of ``table`` apart; ``key`` is what they are kept by.
    """
    seen = set()
    for direction in ("ASC", "DESC"):
        with suppress(sqlite3.Error), closing(_read_only(path)) as connection:
            order = ", ".join(f"{column} {direction}" for column in key)
            query = f"SELECT {columns} FROM {table} ORDER BY {order}"  # noqa: S608  names of ours
            for row in connection.execute(query):
                if row[0] in seen:
                    break
                seen.add(row[0])
                yield row


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _connected(path: Path, schema: Schema, max_bytes: int) -> sqlite3.Connection:
    _make(path)
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection, schema, max_bytes)
    except BaseException:
        connection.close()
        raise
    return connection


def _make(path: Path) -> None:
    """Here, as sqlite would let everybody read it; its other files have the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _prepare(connection: sqlite3.Connection, schema: Schema, max_bytes: int) -> None:
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA max_page_count = {max_bytes // page_size}")
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
    if _version(connection) > schema.version:
        return
    connection.execute("BEGIN IMMEDIATE")  # a file that cannot be written to says so here
    for statement in schema.tables:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {schema.version}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def _set_aside(path: Path, why: str, now: float) -> Path:
    """Rename the file with its log; gives the new name of the former."""
    suffix = f".{why}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    aside = path.with_name(path.name + suffix)
    for end in ("", "-wal", "-shm"):
        part = path.with_name(path.name + end)
        if part.exists():
            part.rename(aside.with_name(aside.name + end))
    return aside
