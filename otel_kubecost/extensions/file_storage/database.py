"""One sqlite file that goes on whatever becomes of the disk.

What is damaged is set aside, and a new file begun with what can be read: an agent that does not
start helps nobody. What cannot be written to can be read as long as the disk lets it.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

from otel_kubecost.extensions.file_storage.faults import (
    DAMAGED,
    UNWRITABLE,
    closed,
    code_of,
    damage,
    sqlite_fault,
    system_fault,
)
from otel_kubecost.extensions.file_storage.opening import (
    LOG,
    connected,
    is_whole,
    readable,
    transact,
    version_of,
)
from otel_kubecost.extensions.file_storage.rescue import (
    discard,
    finish_rescue,
    rescue,
    set_aside,
)
from otel_kubecost.extensions.file_storage.schema import Row, Schema, Statement
from otel_kubecost.extensions.file_storage.write_ahead_log import has_lost_commits
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_Identity: TypeAlias = tuple[tuple[int, int] | None, ...]


class Database:
    """A file of one schema, at most ``max_bytes`` of it. Safe to use from several threads.

    Every method raises OSError with a sentence (see ``faults``). After EBADMSG it is closed.
    """

    def __init__(
        self,
        path: Path,
        schema: Schema,
        max_bytes: int,
        *,
        claim: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        """``claim`` makes the directory this process' own; it raises OSError with a sentence."""
        self.path = path
        self.max_bytes = max_bytes
        self._schema = schema
        self._claim = claim
        self._now = now
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: _Identity = ()
        self._is_doubtful = False
        self.is_shared = False
        """Whether another process may have it at the same time."""
        self.fault = closed(str(path.parent))
        """What is said while it is not open."""

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    @property
    def has_failed(self) -> bool:
        """Whether it could not be opened, or is damaged; to ``open`` it again may help."""
        return not (self.is_open or self.is_shared) and self.fault.errno != errno.EBADF

    def open(self) -> None:
        """Make it ready for this process alone, unless it is open."""
        with self._lock:
            if self.is_open:
                return
            self.is_shared = False
            try:
                self._claim()
                with self._told():
                    self._use(self._found())
            except OSError as fault:
                self.fault = fault
                raise

    def open_shared(self) -> None:
        """As ``open``, beside a process that has it: nothing is set aside."""
        with self._lock, self._told():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._connection = connected(self.path, self._schema, self.max_bytes)
            self.is_shared = True

    def query(self, statement: str, *values: Any) -> list[Row]:
        """All rows of one statement that writes nothing."""
        with self._lock:
            connection = self._opened()
            with self._told():
                return connection.execute(statement, values).fetchall()

    def write(self, statements: Iterable[Statement]) -> None:
        """All of them or none: one transaction."""
        with self._lock:
            connection = self._opened()
            if not self.is_shared and (self._is_doubtful or self._is_gone):
                connection = self._opened_again(connection)
            with self._told():
                transact(connection, statements)

    def begin_anew(self, statements: Iterable[Statement]) -> None:
        """With an empty file, and these. If that fails the file is empty, or is not open."""
        with self._lock:
            self._claim()
            self.close()
            try:
                with self._told():
                    discard(self.path)
                self.open()
                self.write(statements)
            except OSError as fault:
                self.fault = fault
                raise

    def give_back(self) -> None:
        """What deleted rows had of the disk; if that fails, another time."""
        with self._lock:
            try:
                # Not ``execute``, which takes one step of it: one page.
                self._opened().executescript("PRAGMA incremental_vacuum")
            except sqlite3.Error as error:
                self._failed(error)

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            self._is_doubtful = False
            self.fault = closed(str(self.path.parent))
            if connection:
                connection.close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise OSError(*self.fault.args)  # a new one, as each keeps the frames it passed
        return self._connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What fails in here is said with its remedy."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._failed(error) from None
        except OSError as error:
            raise system_fault(str(self.path.parent), error) from None

    def _failed(self, error: sqlite3.Error) -> OSError:
        """After damage it is closed, and says so until it is opened again."""
        fault = sqlite_fault(str(self.path.parent), error)
        code = code_of(error)
        self._is_doubtful |= code in UNWRITABLE and code != sqlite3.SQLITE_FULL
        if code in DAMAGED:
            self.close()
            self.fault = fault
        return fault

    def _use(self, connection: sqlite3.Connection) -> None:
        self._connection, self._identity = connection, _identity(self.path)

    def _found(self) -> sqlite3.Connection:
        finish_rescue(self.path)
        try:
            connection = self._sound()
        except (sqlite3.Error, OSError) as error:
            connection = self._rescued(error) if code_of(error) in DAMAGED else self._kept(error)
        if version_of(connection) > self._schema.version:
            connection.close()
            newer = set_aside(self.path, "newer", self._now())
            event = f"{self.path} is of a newer version: it is set aside, and a new one begun"
            _log.error(event, hint=f"rename {newer.name} back before you use that version again")
            connection = self._sound()
        return connection

    def _sound(self) -> sqlite3.Connection:
        if has_lost_commits(self.path.with_name(self.path.name + LOG)):
            raise damage("its log has lost what was committed")
        return connected(self.path, self._schema, self.max_bytes)

    def _rescued(self, damage: BaseException) -> sqlite3.Connection:
        aside = rescue(self.path, self._schema, self.max_bytes, self._now())
        event = f"{self.path} is damaged: it is set aside, and a new one begun"
        hint = "what can be read of it goes on in the new one; look at the disk"
        _log.error(event, hint=hint, damage=str(damage), aside=aside.name)
        return self._sound()

    def _kept(self, error: sqlite3.Error | OSError) -> sqlite3.Connection:
        """To be read at least; the first write says what is wrong."""
        if isinstance(error, OSError) or code_of(error) in UNWRITABLE:
            with suppress(sqlite3.Error, OSError):
                connection = readable(self.path, self._schema)
                self._is_doubtful = True
                return connection
        raise error

    @property
    def _is_gone(self) -> bool:
        """Whether somebody has deleted or replaced the file, or its directory."""
        return self._identity != _identity(self.path)

    def _opened_again(self, before: sqlite3.Connection) -> sqlite3.Connection:
        """What was read so far, from the file that is at the path now."""
        self._claim()
        is_gone = self._is_gone
        with self._told():
            if is_gone:  # its log may still be there, and is not the new file's
                set_aside(self.path, "foreign", self._now())
            connection = self._copied(before) if is_gone else self._connected()
            self._use(connection)
            before.close()
        self._is_doubtful = False
        return connection

    def _copied(self, before: sqlite3.Connection) -> sqlite3.Connection:
        """An open file outlives its name."""
        try:
            connection = self._connected()
            try:
                before.backup(connection)
            except BaseException:
                connection.close()
                raise
        except (sqlite3.Error, OSError):
            discard(self.path)
            if not is_whole(before):
                raise damage("what it had is gone with its file") from None
            raise
        _log.warning(
            f"{self.path} was deleted or replaced under this process: it is written again",
            hint="nothing is lost; stop the process before you work on its directory",
        )
        return connection

    def _connected(self) -> sqlite3.Connection:
        return connected(self.path, self._schema, self.max_bytes, check=False)


def _identity(path: Path) -> _Identity:
    """Of the file, and of its log."""
    return tuple(_inode(path.with_name(path.name + end)) for end in ("", LOG))


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
