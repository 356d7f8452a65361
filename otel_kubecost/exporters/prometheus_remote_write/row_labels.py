"""Label bytes of one row of columns after another; few steps of Python for many rows.

    0a len   0a len name   12 len   value        a label, tag bytes in hexadecimal
    |------- by the value's length ------|       nothing where the value is empty

A namespace is encoded once, however many rows have it. What is another in nearly every row (a
pod's name) is encoded where it comes, and nothing is remembered of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, islice, repeat

from otel_kubecost.exporters.prometheus_remote_write.frames import label_fields
from otel_kubecost.exporters.prometheus_remote_write.protobuf import string, varint
from otel_kubecost.pdata import StringColumn

_OFTEN = 4
"""Rows a value, on an average, from which on its label is remembered."""


class RowLabels:
    """The encoded ``labels`` of rows with ``end`` behind them; constants stand among them."""

    def __init__(self, labels: Iterable[tuple[str, str | StringColumn]], end: bytes) -> None:
        self._columns: list[_Few | _Many | bytes] = []
        for constant, run in groupby(labels, key=lambda label: isinstance(label[1], str)):
            if constant:
                self._columns.append(label_fields((name, str(value)) for name, value in run))
            else:
                self._columns += [
                    _column(name, value) for name, value in run if isinstance(value, StringColumn)
                ]
        self._columns.append(end)

    def of(self, rows: Sequence[int]) -> list[bytes]:
        """One a row; ``rows`` are a range or an array."""
        pieces: list[Iterable[bytes]] = []
        for column in self._columns:
            pieces += [repeat(column)] if isinstance(column, bytes) else column.pieces(rows)
        # Without a column all are endless.
        return list(islice(map(b"".join, zip(*pieces)), len(rows)))  # noqa: B905  see above


def _column(name: str, column: StringColumn) -> _Few | _Many:
    return _Few(name, column) if len(column.values) * _OFTEN <= len(column) else _Many(name, column)


class _Few:
    def __init__(self, name: str, column: StringColumn) -> None:
        self._column = column
        self._labels = _Labels(name, column.values)

    def pieces(self, rows: Sequence[int]) -> list[Iterable[bytes]]:
        return [map(self._labels.__getitem__, self._column.codes_at(rows))]


class _Many:
    def __init__(self, name: str, column: StringColumn) -> None:
        self._column = column
        self._prefixes = _Prefixes(name)

    def pieces(self, rows: Sequence[int]) -> list[Iterable[bytes]]:
        values = list(map(str.encode, self._column.strings_at(rows)))
        return [map(self._prefixes.__getitem__, map(len, values)), values]


class _Labels(dict[int, bytes]):
    """By the code of a value its label."""

    def __init__(self, name: str, values: Sequence[str]) -> None:
        super().__init__()
        self._name = name
        self._values = values

    def __missing__(self, code: int) -> bytes:
        value = self._values[code]
        label = self[code] = label_fields([(self._name, value)]) if value else b""
        return label


class _Prefixes(dict[int, bytes]):
    """By the length of a value what stands before it."""

    def __init__(self, name: str) -> None:
        super().__init__({0: b""})
        self._name = string(0x0A, name)

    def __missing__(self, length: int) -> bytes:
        before = self._name + b"\x12" + varint(length)
        prefix = self[length] = b"\x0a" + varint(len(before) + length) + before
        return prefix
