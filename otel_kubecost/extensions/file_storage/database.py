"""One sqlite file, opened so that what was written stays written [I/O].

A write-ahead log with ``synchronous=FULL``: what a call has returned from survives a kill and a
loss of power. A file that cannot be read is set aside, and a new one begun: what is kept here can
be had again, and an agent that does not start helps nobody.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from otel_kubecost.extensions.file_storage.faults import DAMAGED, code_of
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

VERSION = 1
"""Of the tables; kept in the file."""
BUSY_SECONDS = 5.0
"""How long a write waits for that of a command beside the agent."""

_TABLES = """
CREATE TABLE IF NOT EXISTS entries (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (owner, key)
) WITHOUT ROWID
"""


def open_database(path: Path, max_bytes: int, now: Callable[[], float]) -> sqlite3.Connection:
    """A connection for any thread, one at a time. Raises sqlite3.Error, OSError."""
    try:
        connection = _opened(path, max_bytes)
    except sqlite3.DatabaseError as error:
        if code_of(error) not in DAMAGED:
            raise
        _set_aside(path, "damaged", now())
        _log.error(f"{path} is damaged: it is set aside, and a new one begun", hint=str(error))
        return _opened(path, max_bytes)
    if _version(connection) <= VERSION:
        return connection
    connection.close()
    aside = _set_aside(path, "newer", now())
    hint = f"rename {aside.name} back before you use that version again"
    _log.error(f"{path} is of a newer version: it is set aside, and a new one begun", hint=hint)
    return _opened(path, max_bytes)


def _opened(path: Path, max_bytes: int) -> sqlite3.Connection:
    # Made here, as sqlite would let everybody read it; its other files have the same mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(connection, max_bytes)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, max_bytes: int) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA max_page_count = {max_bytes // page_size}")
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error
    if _version(connection) > VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")  # a file that cannot be written to says so here
    connection.execute(_TABLES)
    connection.execute(f"PRAGMA user_version = {VERSION}")
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
