"""Small values by owner and key, in one file for all owners."""

from __future__ import annotations

from otel_kubecost.extensions.file_storage.database import Database, Schema, readable_rows

ENTRIES = Schema(
    1,
    [
        """
        CREATE TABLE IF NOT EXISTS entries (
            owner TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (owner, key)
        ) WITHOUT ROWID
        """
    ],
)
_SET = "INSERT OR REPLACE INTO entries (owner, key, value) VALUES (?, ?, ?)"


def open_entries(database: Database) -> None:
    """With what can be read of a damaged file. Raises OSError."""
    aside = database.open()
    if aside:
        columns = "owner || char(10) || key, owner, key, value"
        rows = readable_rows(aside, "entries", columns, ["owner", "key"])
        database.write((_SET, row[1:]) for row in list(rows))


class FileStorageClient:
    """The part of a storage that belongs to one component."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._owner = owner

    def get(self, key: str) -> bytes | None:
        """What was set for ``key``, None where nothing was. Raises OSError, as the others do."""
        rows = self._database.query(
            "SELECT value FROM entries WHERE owner = ? AND key = ?", self._owner, key
        )
        return bytes(rows[0][0]) if rows else None

    def set(self, key: str, value: bytes) -> None:
        """On the disk when this returns."""
        self._database.query(_SET, self._owner, key, value)

    def delete(self, key: str) -> None:
        self._database.query("DELETE FROM entries WHERE owner = ? AND key = ?", self._owner, key)
