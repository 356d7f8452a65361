"""What is said of one row of columns after another, encoded; few steps of Python for many rows.

    prefix    value        a name with its value: a label, an attribute
    |
    by the name and the length of the value, as ``Prefix`` makes it

A namespace is encoded once, however many rows have it. What is another in nearly every row (a
pod's name) is encoded where it comes, and nothing is remembered of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, islice, repeat
from typing import TypeAlias

from otel_kubecost.pdata import StringColumn

Prefix: TypeAlias = Callable[[str, int], bytes]
"""Of a name and the bytes of its value: what stands before these."""

_OFTEN = 4
"""Rows a value, on an average, from which on its bytes are remembered."""


class RowPieces:
    """The encoded ``pairs`` of rows with ``end`` behind them; constants stand among them."""

    def __init__(
        self, pairs: Iterable[tuple[str, str | StringColumn]], prefix: Prefix, end: bytes = b""
    ) -> None:
        self._columns: list[_Few | _Many | bytes] = []
        for constant, run in groupby(pairs, key=lambda pair: isinstance(pair[1], str)):
            if constant:
                self._columns.append(
                    b"".join([_pair(prefix, name, str(value)) for name, value in run])
                )
            else:
                self._columns += [
                    _column(name, value, prefix)
                    for name, value in run
                    if isinstance(value, StringColumn)
                ]
        self._columns.append(end)

    def of(self, rows: Sequence[int]) -> list[bytes]:
        """One a row; ``rows`` are a range or an array."""
        pieces: list[Iterable[bytes]] = []
        for column in self._columns:
            pieces += [repeat(column)] if isinstance(column, bytes) else column.pieces(rows)
        # Without a column all are endless.
        return list(islice(map(b"".join, zip(*pieces)), len(rows)))  # noqa: B905  see above


def _pair(prefix: Prefix, name: str, value: str) -> bytes:
    text = value.encode("utf-8", "replace")
    return prefix(name, len(text)) + text


def _column(name: str, column: StringColumn, prefix: Prefix) -> _Few | _Many:
    kind = _Few if len(column.values) * _OFTEN <= len(column) else _Many
    return kind(name, column, prefix)


class _Few:
    def __init__(self, name: str, column: StringColumn, prefix: Prefix) -> None:
        self._column = column
        self._pairs = _Pairs(name, column.values, prefix)

    def pieces(self, rows: Sequence[int]) -> list[Iterable[bytes]]:
        return [map(self._pairs.__getitem__, self._column.codes_at(rows))]


class _Many:
    def __init__(self, name: str, column: StringColumn, prefix: Prefix) -> None:
        self._column = column
        self._prefixes = _Prefixes(name, prefix)

    def pieces(self, rows: Sequence[int]) -> list[Iterable[bytes]]:
        values = _encoded([*self._column.strings_at(rows)])
        return [map(self._prefixes.__getitem__, map(len, values)), values]


def _encoded(texts: Sequence[str]) -> list[bytes]:
    """Half a surrogate pair, which is no text, becomes a question mark; that is slow, and rare."""
    try:
        return list(map(str.encode, texts))
    except UnicodeEncodeError:
        return [text.encode("utf-8", "replace") for text in texts]


class _Pairs(dict[int, bytes]):
    """By the code of a value its bytes with the prefix."""

    def __init__(self, name: str, values: Sequence[str], prefix: Prefix) -> None:
        super().__init__()
        self._name = name
        self._values = values
        self._prefix = prefix

    def __missing__(self, code: int) -> bytes:
        pair = self[code] = _pair(self._prefix, self._name, self._values[code])
        return pair


class _Prefixes(dict[int, bytes]):
    """By the length of a value what stands before it."""

    def __init__(self, name: str, prefix: Prefix) -> None:
        super().__init__()
        self._name = name
        self._prefix = prefix

    def __missing__(self, length: int) -> bytes:
        before = self[length] = self._prefix(self._name, length)
        return before
