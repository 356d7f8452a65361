"""Small values by owner and key, in one file for all owners."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from otel_kubecost.extensions.file_storage.database import Database
from otel_kubecost.extensions.file_storage.rescue import readable_rows
from otel_kubecost.extensions.file_storage.schema import Schema, Statement

T = TypeVar("T")

_SET = "INSERT OR REPLACE INTO entries (owner, key, value) VALUES (?, ?, ?)"


def _rescued(path: Path) -> Iterator[Statement]:
    for row in readable_rows(path, "entries", "owner, key", "owner, key, value"):
        if isinstance(row[2], bytes):
            yield _SET, row


ENTRIES = Schema(
    1,
    [
        """
        CREATE TABLE IF NOT EXISTS entries (
            owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (owner, key)
        ) WITHOUT ROWID
        """
    ],
    _rescued,
)


class FileStorageClient:
    """The part of a storage that belongs to one component."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner

    def get(self, key: str) -> bytes | None:
        """What was set for ``key``, None where nothing was. Raises OSError, as the others do."""
        statement = "SELECT value FROM entries WHERE owner = ? AND key = ?"
        rows = self._mended(lambda: self._database.query(statement, self._owner, key))
        return bytes(rows[0][0]) if rows else None

    def set(self, key: str, value: bytes) -> None:
        """On the disk when this returns."""
        self._write(_SET, self._owner, key, value)

    def delete(self, key: str) -> None:
        self._write("DELETE FROM entries WHERE owner = ? AND key = ?", self._owner, key)

    def _write(self, statement: str, *values: str | bytes) -> None:
        self._mended(lambda: self._database.write([(statement, values)]))

    def _mended(self, work: Callable[[], T]) -> T:
        """Once more where damage is found: what can be read of the file goes on in a new one."""
        was_open = self._database.is_open and not self._database.is_shared
        try:
            return work()
        except OSError as error:
            if error.errno != errno.EBADMSG or not was_open:
                raise
        self._database.open()
        return work()
