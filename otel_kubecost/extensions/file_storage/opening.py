"""Opens a sqlite file so that what was written stays written [I/O].

A write-ahead log with ``synchronous=FULL``: what a call has returned from survives a kill and a
loss of power.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from otel_kubecost.extensions.file_storage.faults import damage
from otel_kubecost.extensions.file_storage.schema import Schema, Statement

BUSY_SECONDS = 5.0
"""How long a write waits for that of a command beside the agent."""
_LOG_BYTES = 4 * 2**20
"""When the write-ahead log is copied into the file, and what it keeps of the disk then."""
LOG, INDEX = "-wal", "-shm"
"""What sqlite adds to the name of a file for those of its log."""


def connected(
    path: Path, schema: Schema, max_bytes: int, *, check: bool = True
) -> sqlite3.Connection:
    """Of a file that is made where it is not there, and that has no damage that a ``check`` finds.

    Raises sqlite3.Error and OSError.
    """
    _make(path)
    connection = _connection(path, "mode=rw")
    try:
        _set_up(connection, schema.page, max_bytes)
        if check:
            _check(connection)
        if version_of(connection) <= schema.version:
            _fill(connection, schema)
    except BaseException:
        connection.close()
        raise
    return connection


def read_only(path: Path) -> sqlite3.Connection:
    """Of a file that may be damaged, or on a disk that takes nothing. Raises sqlite3.Error.

    Without a log nothing is opened beside it; sqlite would make an index of the log else.
    """
    log = path.with_name(path.name + LOG)
    has_log = log.exists() and log.stat().st_size
    return _connection(path, "mode=ro" if has_log else "mode=ro&immutable=1")


def readable(path: Path, schema: Schema) -> sqlite3.Connection:
    """As ``read_only``, of a file that is whole and of this version."""
    connection = read_only(path)
    if is_whole(connection) and version_of(connection) == schema.version:
        return connection
    connection.close()
    raise damage("it has not what belongs there")


def is_whole(connection: sqlite3.Connection) -> bool:
    try:
        _check(connection)
    except sqlite3.Error:
        return False
    return True


def transact(connection: sqlite3.Connection, statements: Iterable[Statement]) -> None:
    """All of them or none. Raises sqlite3.Error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement, values in statements:
            connection.execute(statement, values)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def version_of(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def sync(directory: Path) -> None:
    """A name in it is on the disk when this returns."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connection(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    # Text that is no text any more is for its owner to notice.
    connection.text_factory = lambda text: text.decode(errors="replace")
    return connection


def _make(path: Path) -> None:
    """Here, as sqlite would let everybody read it; its other files have the same mode."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    sync(path.parent)


def _set_up(connection: sqlite3.Connection, page: int, max_bytes: int) -> None:
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        connection.execute(f"PRAGMA page_size = {page}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    connection.execute("PRAGMA secure_delete = OFF")  # Debian's is on: all is written twice
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_BYTES // page_size}")
    connection.execute(f"PRAGMA max_page_count = {max_bytes // page_size}")


def _check(connection: sqlite3.Connection) -> None:
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise damage(found)


def _fill(connection: sqlite3.Connection, schema: Schema) -> None:
    """Write nothing where all is there: what is on a full disk can be read still."""
    is_new = version_of(connection) < schema.version
    versions = [(f"PRAGMA user_version = {schema.version}", ())] if is_new else []
    transact(connection, [*((one, ()) for one in schema.tables), *versions])
