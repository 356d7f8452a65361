"""What goes wrong with a database file, as an OSError that says the remedy."""

from __future__ import annotations

import errno
import sqlite3

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})

_OPTION = "extensions.file_storage.directory"
_WRITABLE = f"let this process write there, or name another directory in {_OPTION}"
_REASONS = {
    sqlite3.SQLITE_BUSY: (
        errno.EAGAIN,
        "another process works with it",
        f"stop that one, or name another directory in {_OPTION}",
    ),
    sqlite3.SQLITE_FULL: (
        errno.ENOSPC,
        "it is full",
        "free some of the disk, or raise extensions.file_storage.max_bytes",
    ),
    sqlite3.SQLITE_READONLY: (errno.EROFS, "it cannot be written to", _WRITABLE),
    sqlite3.SQLITE_CANTOPEN: (errno.EACCES, "it cannot be opened", _WRITABLE),
    sqlite3.SQLITE_CORRUPT: (
        errno.EBADMSG,
        "it is damaged",
        "it is set aside when it is opened the next time; look at the disk",
    ),
}
_REASONS[sqlite3.SQLITE_LOCKED] = _REASONS[sqlite3.SQLITE_BUSY]
_REASONS[sqlite3.SQLITE_NOTADB] = _REASONS[sqlite3.SQLITE_CORRUPT]


def code_of(error: sqlite3.Error) -> int:
    """The primary result code (sqlite.org/rescode.html); 0 where there is none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def sqlite_fault(directory: str, error: sqlite3.Error) -> OSError:
    number, reason, remedy = _REASONS.get(
        code_of(error), (errno.EIO, f"the disk fails ({error})", "look at the disk")
    )
    return _fault(directory, number, reason, remedy)


def system_fault(directory: str, error: OSError) -> OSError:
    reason = error.strerror or str(error)
    return _fault(directory, error.errno or errno.EIO, reason, _WRITABLE)


def in_use(directory: str) -> OSError:
    return _fault(directory, *_REASONS[sqlite3.SQLITE_BUSY])


def closed(directory: str) -> OSError:
    return _fault(directory, errno.EBADF, "it is not open", "start it first")


def _fault(directory: str, number: int, reason: str, remedy: str) -> OSError:
    return OSError(number, f"The storage in {directory} cannot be used: {reason}; {remedy}")
