"""Small values by owner and key, in one file for all owners."""

from __future__ import annotations

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
        """As soon as the disk lets it; where damage is found, once more, on what can be read."""
        if self._database.has_failed:
            self._database.open()
        try:
            return work()
        except OSError:
            if not self._database.has_failed:
                raise
        self._database.open()
        return work()
