"""A file of lines that one process appends to [I/O]."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import FileIO
from pathlib import Path

from otel_kubecost.exporters.otlp_json_file.backups import new_backup, outdated
from otel_kubecost.exporters.otlp_json_file.config import RotationOptions
from otel_kubecost.exporters.otlp_json_file.faults import explained
from otel_kubecost.exporters.otlp_json_file.mending import mend

_MEGABYTE = 2**20


class LineFile:
    """Nobody sees part of a line, and what ``append`` has returned from survives a loss of power.

    It is opened for each ``append``: a file that was moved away, to be carried somewhere, is
    followed by a new one, and so is its directory. What keeps other processes out is a lock on a
    file beside it; of a symbolic link, beside what it leads to.
    """

    def __init__(
        self, path: str, rotation: RotationOptions | None, now: Callable[[], float]
    ) -> None:
        """``now`` gives seconds since the epoch, for the names of earlier files."""
        self._named = self._path = Path(path)
        self._rotation = rotation
        self._now = now
        self._lock: int | None = None

    def open(self) -> None:
        """Have the file for this process alone, unless that is so.

        Raises OSError, with a sentence, where another process has it: EAGAIN; and where it cannot
        be written to.
        """
        if self._lock is not None and _is_at(self._lock_path, self._lock):
            return
        self.close()
        try:
            with explained(self._named):
                self._claim()
                self._opened().close()
                _sync(self._path.parent)
                self._delete_outdated()
        except BaseException:
            self.close()
            raise

    def append(self, lines: Iterable[bytes]) -> None:
        """Write ``lines``, each with its newline. Raises OSError as ``open``.

        Lines before the one that failed may stay.
        """
        self.open()
        with explained(self._named):
            file = self._opened()
            try:
                for line in lines:
                    if self._is_full(file, line):
                        file = self._rotated(file)
                    _append(file, line)
                os.fsync(file.fileno())
            finally:
                file.close()

    def close(self) -> None:
        """Leave the file to others."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    @property
    def _lock_path(self) -> Path:
        return self._path.with_name(f"{self._path.name}.lock")

    def _claim(self) -> None:
        self._path = Path(os.path.realpath(self._named))
        if not self._path.parent.exists():
            self._path.parent.mkdir(mode=0o700, parents=True)
        self._lock = _locked(self._lock_path)

    def _opened(self) -> FileIO:
        """To append to, the last line whole."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND)
        except FileNotFoundError:
            descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            _sync(self._path.parent)
        file = os.fdopen(descriptor, "a+b", buffering=0)
        try:
            if not _is_whole(file):
                mend(self._path)
        except BaseException:
            file.close()
            raise
        return file

    def _is_full(self, file: FileIO, line: bytes) -> bool:
        size = os.fstat(file.fileno()).st_size
        limit = self._rotation.max_megabytes * _MEGABYTE if self._rotation else None
        return bool(limit and size and size + len(line) > limit)

    def _rotated(self, file: FileIO) -> FileIO:
        """A new file in the place of this one."""
        os.fsync(file.fileno())
        file.close()
        self._path.rename(new_backup(self._path, self._now()))
        self._delete_outdated()
        return self._opened()

    def _delete_outdated(self) -> None:
        if self._rotation:
            for one in outdated(self._path, self._rotation, self._now()):
                one.unlink(missing_ok=True)


def _append(file: FileIO, line: bytes) -> None:
    """All of it or nothing: what a full disk took of it is cut away before anybody looks."""
    size = os.fstat(file.fileno()).st_size
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[os.write(file.fileno(), rest) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(file.fileno(), size)
        raise


def _is_whole(file: FileIO) -> bool:
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a file")
    return not status.st_size or os.pread(file.fileno(), 1, status.st_size - 1) == b"\n"


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is the one at ``path``; it may be gone with its directory."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _locked(path: Path) -> int:
    """An open file that nobody else can lock until it is closed. Raises BlockingIOError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _sync(directory: Path) -> None:
    """A name in it is on the disk when this returns."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
