"""What becomes of a file that cannot be used: it is set aside, with what can be read kept [I/O]."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path

from otel_kubecost.extensions.file_storage.opening import (
    INDEX,
    LOG,
    connected,
    read_only,
    sync,
    transact,
)
from otel_kubecost.extensions.file_storage.schema import Row, Schema

_FRESH = ".rescued"


def rescue(path: Path, schema: Schema, max_bytes: int, now: float) -> Path:
    """Put a new file in its place, with what can be read of it; gives its own new name.

    The new one is complete before the old one is touched: after a kill, or where the disk is full,
    this begins again. Raises sqlite3.Error and OSError.
    """
    fresh = path.with_name(path.name + _FRESH)
    discard(fresh)
    with closing(connected(fresh, schema, max_bytes)) as connection:
        transact(connection, schema.rescued(path))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = set_aside(path, "damaged", now)
    finish_rescue(path)
    return aside


def finish_rescue(path: Path) -> None:
    """Put the new file in its place, if that of ``rescue`` is still empty."""
    fresh = path.with_name(path.name + _FRESH)
    if fresh.exists() and not path.exists():
        discard(path)
        fresh.rename(path)
        sync(path.parent)


def set_aside(path: Path, why: str, now: float) -> Path:
    """Rename the file with its log; gives the new name of the former."""
    name = f"{path.name}.{why}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
    names = chain([name], (f"{name}-{number}" for number in count(2)))
    aside = next(one for one in map(path.with_name, names) if not one.exists())
    for end in ("", LOG, INDEX):
        part = path.with_name(path.name + end)
        if part.exists():
            part.rename(aside.with_name(aside.name + end))
    return aside


def set_aside_beside(path: Path) -> Mapping[str, int]:
    """How many files were set aside that had the name ``path``, by why."""
    names = [one.name.removeprefix(f"{path.name}.") for one in path.parent.glob(f"{path.name}.*-*")]
    return Counter(name.split("-")[0] for name in names if not name.endswith((LOG, INDEX)))


def discard(path: Path) -> None:
    """Delete the file with its log."""
    for end in ("", LOG, INDEX):
        path.with_name(path.name + end).unlink(missing_ok=True)


def readable_rows(path: Path, table: str, key: str, columns: str) -> Iterator[Row]:
    """What can be read of a damaged file: each row whose ``key`` and whose own pages are there."""
    with suppress(sqlite3.Error), closing(read_only(path)) as connection:
        for values in dict.fromkeys(_keys(connection, table, key)):
            one = f"SELECT {columns} FROM {table} WHERE ({key}) = ({_holders(values)})"  # noqa: S608  names of ours
            with suppress(sqlite3.Error):
                yield from connection.execute(one, values)


def _keys(connection: sqlite3.Connection, table: str, key: str) -> Iterator[Row]:
    """From the first to the damage, and from the last.

    One by one: the last row before an error goes with it.
    """
    for direction, beyond in (("ASC", ">"), ("DESC", "<")):
        order = ", ".join(f"{column} {direction}" for column in key.split(", "))
        select = f"SELECT {key} FROM {table}"  # noqa: S608  names of ours
        limit = f"ORDER BY {order} LIMIT 1"
        with suppress(sqlite3.Error):
            found = connection.execute(f"{select} {limit}").fetchone()
            while found:
                yield found
                where = f"WHERE ({key}) {beyond} ({_holders(found)})"
                found = connection.execute(f"{select} {where} {limit}", found).fetchone()


def _holders(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)
