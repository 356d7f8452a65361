"""``FileStorage``: what components keep, in one directory that one process has to itself."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
from pathlib import Path
from typing import Any

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.config.problems import build_options
from otel_kubecost.extensions.file_storage.config import FileStorageOptions
from otel_kubecost.extensions.file_storage.database import Database
from otel_kubecost.extensions.file_storage.entries import ENTRIES, FileStorageClient
from otel_kubecost.extensions.file_storage.faults import closed, in_use, not_shared, system_fault
from otel_kubecost.extensions.file_storage.queue import FileQueue
from otel_kubecost.extensions.file_storage.rows import QUEUE, waiting_in
from otel_kubecost.extensions.file_storage.schema import Schema
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
        self._queues: dict[tuple[str, str], FileQueue] = {}
        self._lock_file: int | None = None
        self._is_shut_down = False

    def start(self) -> None:
        """Open the directory for this process alone, unless that is done.

        Raises OSError, with a sentence, where another process has it: EAGAIN. A disk that is full
        or cannot be written to is said; every use raises then, and the metrics go on without.
        """
        self._is_shut_down = False
        if self._entries.is_open:
            return
        try:
            self._entries.open()
        except OSError as fault:
            if fault.errno == errno.EAGAIN:
                raise
            hint = "until then, what is kept there is lost with the process"
            _log.error(f"{fault.strerror}", hint=hint)
        self._say_what_nobody_sends()

    def start_shared(self) -> None:
        """As ``start``, but beside a process that has the directory: for commands.

        Raises OSError for every fault: who waits for the command can mend it.
        """
        if not self._entries.is_open:
            self._entries.open_shared()

    def takes(self, options: FileStorageOptions) -> bool:
        """Go on with ``options`` if they are of the same directory."""
        if options.directory != self._options.directory:
            return False
        self._options = options
        for one in self._queues.values():
            one.database.max_bytes = self._room()
        return True

    def client(self, owner: str) -> FileStorageClient:
        return FileStorageClient(self._entries, owner)

    def queue(self, owner: str, account: str = "") -> FileQueue:
        """The one of ``owner`` for ``account``: those of other accounts are left as they are."""
        if (owner, account) not in self._queues:
            database = self._database(_queue_file(owner, account), QUEUE, 0)
            self._queues[owner, account] = FileQueue(database, self._room)
        return self._queues[owner, account]

    def shutdown(self, timeout_millis: float = 30_000) -> None:  # noqa: ARG002  the protocol's
        """Close the files; nothing opens them before ``start``. Harmless without it, and twice."""
        self._is_shut_down = True
        self._entries.close()
        for one in self._queues.values():
            one.close()
        self._release()

    def _database(self, name: str, schema: Schema, room: int) -> Database:
        path = self._directory / name
        return Database(path, schema, room, claim=self._claim, now=self._clock.time)

    def _room(self) -> int:
        room = self._options.max_bytes * (_FOR_ENTRIES - 1) // _FOR_ENTRIES
        return room // len({owner for owner, _ in self._queues})

    def _claim(self) -> None:
        """Have the directory that is there now, for this process alone.

        Raises OSError, with a sentence: EAGAIN where another process has it, EOPNOTSUPP beside it,
        EBADF after ``shutdown``.
        """
        directory = self._options.directory
        if self._entries.is_shared:
            raise not_shared(directory)
        if self._is_shut_down:
            raise closed(directory)
        try:
            self._make_directory()
            path = self._directory / LOCK
            if not _is_at(self._lock_file, path):
                self._release()
                self._lock_file = _locked(path)
        except BlockingIOError:
            raise in_use(directory) from None
        except OSError as error:
            raise system_fault(directory, error) from None

    def _make_directory(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _release(self) -> None:
        lock_file, self._lock_file = self._lock_file, None
        if lock_file is not None:
            os.close(lock_file)

    def _say_what_nobody_sends(self) -> None:
        known = {one.database.path for one in self._queues.values()}
        for path in sorted({*self._directory.glob("queue-*.db")} - known):
            if samples := waiting_in(path):
                _log.warning(
                    f"{samples} samples wait in {path}, and no exporter here sends them",
                    hint="they are of an exporter or of an account that was configured before:"
                    " configure it again, or delete the file",
                )


def _queue_file(owner: str, account: str) -> str:
    """``queue-prometheus_remote_write_cloudtuner-....db`` of that exporter, for one account.

    What a file name cannot have is replaced; the checksum keeps apart what looks alike then.
    """
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", owner.replace("/", "-"))[:100]
    checksum = hashlib.sha256(f"{owner}\n{account}".encode()).hexdigest()[:12]
    return f"queue-{plain}-{checksum}.db"


def _is_at(descriptor: int | None, path: Path) -> bool:
    """Whether an open file has that name still."""
    try:
        return descriptor is not None and os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _locked(path: Path) -> int:
    """An open file that no other process can lock until it is closed, or this process gone.

    Raises BlockingIOError. It is not the database: closing a second descriptor of that would give
    up sqlite's own locks (sqlite.org/howtocorrupt.html, 2.2).
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:  # the disk may be read-only by now
        descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
