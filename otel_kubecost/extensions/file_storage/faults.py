"""What goes wrong with a database file, as an OSError that says the remedy."""

from __future__ import annotations

import errno
import os
import sqlite3

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
UNWRITABLE = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}
)
"""What may not keep a file from being read."""
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

_OPTION = "extensions.file_storage.directory"
_WRITABLE = f"let this process write there, or name another directory in {_OPTION}"
_FULL = (
    errno.ENOSPC,
    "it is full",
    "free some of the disk, or raise extensions.file_storage.max_bytes",
)
_REASONS = {
    sqlite3.SQLITE_BUSY: (
        errno.EAGAIN,
        "another process works with it",
        f"stop that one, or name another directory in {_OPTION}",
    ),
    sqlite3.SQLITE_FULL: _FULL,
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


def code_of(error: BaseException) -> int:
    """The primary result code (sqlite.org/rescode.html); 0 where there is none."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def damage(what: str) -> sqlite3.DatabaseError:
    """As sqlite says it, of what it does not find by itself."""
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def sqlite_fault(directory: str, error: sqlite3.Error) -> OSError:
    code = code_of(error)
    if code in {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}:
        code = _cause(directory) or code
    number, reason, remedy = _REASONS.get(
        code, (errno.EIO, f"the disk fails ({error})", "look at the disk")
    )
    return _fault(directory, number, reason, remedy)


def system_fault(directory: str, error: OSError) -> OSError:
    if error.errno in NO_ROOM:
        return _fault(directory, *_FULL)
    reason = error.strerror or str(error)
    return _fault(directory, error.errno or errno.EIO, reason, _WRITABLE)


def in_use(directory: str) -> OSError:
    return _fault(directory, *_REASONS[sqlite3.SQLITE_BUSY])


def not_shared(directory: str) -> OSError:
    reason, remedy = "a queue is for an agent alone", "a command's samples wait in memory"
    return _fault(directory, errno.EOPNOTSUPP, reason, remedy)


def closed(directory: str) -> OSError:
    return _fault(directory, errno.EBADF, "it is not open", "start it first")


def _cause(directory: str) -> int:
    """Of some of its files sqlite says no more than that they fail."""
    try:
        disk = os.statvfs(directory)
    except OSError:
        return 0
    if disk.f_flag & os.ST_RDONLY:
        return sqlite3.SQLITE_READONLY
    return 0 if disk.f_bavail else sqlite3.SQLITE_FULL


def _fault(directory: str, number: int, reason: str, remedy: str) -> OSError:
    return OSError(number, f"The storage in {directory} cannot be used: {reason}; {remedy}")
