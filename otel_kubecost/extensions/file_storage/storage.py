"""``FileStorage``: small values by owner and key, in one file of a directory."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.config.problems import build_options
from otel_kubecost.extensions.file_storage.config import FileStorageOptions
from otel_kubecost.extensions.file_storage.database import open_database
from otel_kubecost.extensions.file_storage.faults import (
    closed,
    in_use,
    sqlite_fault,
    system_fault,
)
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

FILE, LOCK = "storage.db", "storage.lock"


class FileStorage:
    """Keeps what other components give it, each for itself. Safe to use from several threads.

    One agent has a directory to itself, from ``start`` to ``shutdown``.

    >>> storage = FileStorage(directory="/var/lib/otel-kubecost")
    """

    def __init__(
        self,
        options: FileStorageOptions | None = None,
        /,
        *,
        clock: Clock | None = None,
        **keywords: Any,
    ) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        self._options = options or build_options(FileStorageOptions, keywords)
        self._clock = clock or SystemClock()
        self._directory = Path(self._options.directory)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._fault = closed(self._options.directory)
        self._lock_file: int | None = None

    def start(self) -> None:
        """Open the directory for this process alone, unless that is done.

        Raises OSError, with a sentence, where another process has it: EAGAIN. A disk that is full
        or cannot be written to is said; every use raises then, and the metrics go on without.
        """
        if self._connection is not None:
            return
        try:
            self._open(shared=False)
        except OSError as fault:
            if fault.errno == errno.EAGAIN:
                raise
            self._fault = fault
            hint = "until the next start, what is kept there is lost with the process"
            _log.error(f"{fault.strerror}", hint=hint)

    def start_shared(self) -> None:
        """As ``start``, but beside a process that has the directory: for commands.

        Raises OSError for every fault: who waits for the command can mend it.
        """
        if self._connection is None:
            self._open(shared=True)

    def adopt(self, predecessor: FileStorage) -> None:
        """Go on with an open file of the same options; any other one is closed."""
        if predecessor._options != self._options:
            predecessor.shutdown()
            return
        with predecessor._lock:
            self._connection, predecessor._connection = predecessor._connection, None
            self._lock_file, predecessor._lock_file = predecessor._lock_file, None

    def client(self, owner: str) -> FileStorageClient:
        return FileStorageClient(self, owner)

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of one statement, which is a transaction. Raises OSError."""
        with self._lock:
            if self._connection is None:
                raise OSError(*self._fault.args)  # a new one, as each keeps the frames it passed
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise sqlite_fault(self._options.directory, error) from None

    def shutdown(self, timeout_millis: float = 30_000) -> None:  # noqa: ARG002  the protocol's
        """Close the file. Harmless without ``start``, and twice."""
        with self._lock:
            connection, self._connection = self._connection, None
            lock_file, self._lock_file = self._lock_file, None
        if connection:
            connection.close()
        if lock_file is not None:
            os.close(lock_file)

    def _open(self, *, shared: bool) -> None:
        directory = self._options.directory
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not shared:
                self._lock_file = _locked(self._directory / LOCK)
            self._connection = open_database(
                self._directory / FILE, self._options.max_bytes, self._clock.time
            )
        except BlockingIOError:
            raise in_use(directory) from None
        except OSError as error:
            self.shutdown()
            raise system_fault(directory, error) from None
        except sqlite3.Error as error:
            self.shutdown()
            raise sqlite_fault(directory, error) from None


class FileStorageClient:
    """The part of a storage that belongs to one component."""

    def __init__(self, storage: FileStorage, owner: str) -> None:
        self._storage = storage
        self._owner = owner

    def get(self, key: str) -> bytes | None:
        """What was set for ``key``, None where nothing was. Raises OSError, as the others do."""
        rows = self._storage.execute(
            "SELECT value FROM entries WHERE owner = ? AND key = ?", self._owner, key
        )
        return bytes(rows[0][0]) if rows else None

    def set(self, key: str, value: bytes) -> None:
        """On the disk when this returns."""
        self._storage.execute(
            "INSERT OR REPLACE INTO entries (owner, key, value) VALUES (?, ?, ?)",
            self._owner,
            key,
            value,
        )

    def delete(self, key: str) -> None:
        self._storage.execute("DELETE FROM entries WHERE owner = ? AND key = ?", self._owner, key)


def _locked(path: Path) -> int:
    """An open file that no other process can lock until it is closed, or this process gone.

    Raises BlockingIOError. It is not the database: closing a second descriptor of that would give
    up sqlite's own locks (sqlite.org/howtocorrupt.html, 2.2).
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
