"""``FileStorage``: what components keep, in one directory that one process has to itself."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import zlib
from pathlib import Path
from typing import Any

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.config.problems import build_options
from otel_kubecost.extensions.file_storage.config import FileStorageOptions
from otel_kubecost.extensions.file_storage.database import Database, Schema
from otel_kubecost.extensions.file_storage.entries import (
    ENTRIES,
    FileStorageClient,
    open_entries,
)
from otel_kubecost.extensions.file_storage.faults import in_use, system_fault
from otel_kubecost.extensions.file_storage.queue import QUEUE, FileQueue
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

FILE, LOCK = "storage.db", "storage.lock"
_FOR_ENTRIES = 16
"""Small values have this part of the room, the queues share the rest evenly."""


class FileStorage:
    """Keeps what other components give it, each for itself. Safe to use from several threads.

    One agent has a directory to itself, from ``start`` to ``shutdown``: small values of all
    components in one file, a queue in a file of its own.

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
        room = self._options.max_bytes // _FOR_ENTRIES
        self._entries = self._database(FILE, ENTRIES, room)
        self._queues: dict[str, FileQueue] = {}
        self._lock_file: int | None = None

    def start(self) -> None:
        """Open the directory for this process alone, unless that is done.

        Raises OSError, with a sentence, where another process has it: EAGAIN. A disk that is full
        or cannot be written to is said; every use raises then, and the metrics go on without.
        """
        if self._entries.is_open:
            return
        try:
            self._open(shared=False)
        except OSError as fault:
            if fault.errno == errno.EAGAIN:
                raise
            self._entries.fault = fault
            hint = "until the next start, what is kept there is lost with the process"
            _log.error(f"{fault.strerror}", hint=hint)

    def start_shared(self) -> None:
        """As ``start``, but beside a process that has the directory: for commands.

        Raises OSError for every fault: who waits for the command can mend it.
        """
        if not self._entries.is_open:
            self._open(shared=True)

    def client(self, owner: str) -> FileStorageClient:
        return FileStorageClient(self._entries, owner)

    def queue(self, owner: str, account: str = "") -> FileQueue:
        """The one of ``owner``; for another ``account`` than before a new one in its place."""
        known = self._queues.get(owner)
        if known is None or known.account != account:
            database = self._database(_queue_file(owner), QUEUE, 0)
            known = FileQueue(database, account, known, self._permit)
            self._queues[owner] = known
        return known

    def shutdown(self, timeout_millis: float = 30_000) -> None:  # noqa: ARG002  the protocol's
        """Close the files. Harmless without ``start``, and twice."""
        for one in (self._entries, *(each.database for each in self._queues.values())):
            one.close()
        lock_file, self._lock_file = self._lock_file, None
        if lock_file is not None:
            os.close(lock_file)

    def _database(self, name: str, schema: Schema, room: int) -> Database:
        return Database(self._directory / name, schema, room, self._clock.time)

    def _permit(self, one: FileQueue) -> None:
        """``one`` may be opened now. Raises OSError."""
        if self._lock_file is None and self._entries.is_open:
            raise in_use(self._options.directory)
        if self._lock_file is None:
            self._open(shared=False)
        room = self._options.max_bytes * (_FOR_ENTRIES - 1) // _FOR_ENTRIES
        one.database.max_bytes = room // len(self._queues)

    def _open(self, *, shared: bool) -> None:
        directory = self._options.directory
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not shared:
                self._lock_file = _locked(self._directory / LOCK)
            open_entries(self._entries)
        except BlockingIOError:
            raise in_use(directory) from None
        except OSError as error:
            self.shutdown()
            if directory in str(error.strerror):
                raise
            raise system_fault(directory, error) from None


def _queue_file(owner: str) -> str:
    """``queue-prometheus_remote_write_cloudtuner.db`` of ``prometheus_remote_write/cloudtuner``.

    What a file name cannot have is replaced; a checksum keeps owners apart that look alike then.
    """
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", owner.replace("/", "-"))
    return f"queue-{plain}-{zlib.crc32(owner.encode()):08x}.db"


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
