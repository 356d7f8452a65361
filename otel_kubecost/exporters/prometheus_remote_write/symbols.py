"""The symbols of a remote write 2.0 request: each string once, and from then on its number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from otel_kubecost.exporters.encoding.protobuf import string, varint
from otel_kubecost.pdata import StringColumn

ColumnRun: TypeAlias = tuple[tuple[str, StringColumn], ...]
"""Neighbouring labels whose values come from columns."""


class Symbols:
    """The table, in the order in which strings were first asked for; the empty one is the first.

    A string that was asked for is in the request: nobody asks for what he does not write.
    """

    def __init__(self) -> None:
        self._refs = {"": b"\x00"}
        self._fields = [string(0x22, "")]
        self.size = len(self._fields[0])
        """Bytes of ``encoded``."""
        self._runs: dict[tuple[tuple[str, int], ...], RowRefs] = {}

    def ref(self, text: str) -> bytes:
        """The number of ``text``, as a varint."""
        known = self._refs.get(text)
        if known is None:
            known = self._refs[text] = varint(len(self._refs))
            self._fields.append(string(0x22, text))
            self.size += len(self._fields[-1])
        return known

    def refs(self, labels: Iterable[tuple[str, str]]) -> bytes:
        """The numbers of names and values in turn."""
        return b"".join([self.ref(text) for label in labels for text in label])

    def rows(self, run: ColumnRun) -> RowRefs:
        """The numbers of a run of labels, row by row; who has the same run has the same object."""
        key = tuple((name, id(column)) for name, column in run)
        if key not in self._runs:
            self._runs[key] = RowRefs(self, run)
        return self._runs[key]

    def shrink(self, size: int) -> None:
        """Back to an earlier ``size``, and to be asked for nothing more."""
        while self.size > size:
            self.size -= len(self._fields.pop())

    def encoded(self) -> bytes:
        """Field 4 of the request, once for each string."""
        return b"".join(self._fields)


class RowRefs:
    """The numbers of neighbouring labels, for one row after another.

    A value is looked up once, however many rows have it, and a row once, however many families
    have a series in it: those come one after another.
    """

    __slots__ = ("_columns", "_refs", "_row")

    def __init__(self, symbols: Symbols, run: ColumnRun) -> None:
        self._columns = [_Column(symbols, name, column) for name, column in run]
        self._row = -1
        self._refs = b""

    def of(self, row: int) -> bytes:
        if row != self._row:
            self._row = row
            self._refs = b"".join([column.refs(row) for column in self._columns])
        return self._refs


class _Column:
    __slots__ = ("_codes", "_known", "_name", "_symbols", "_values")

    def __init__(self, symbols: Symbols, name: str, column: StringColumn) -> None:
        self._symbols = symbols
        self._name = name
        self._codes: Sequence[int] = column.codes
        self._values = column.values
        self._known: dict[int, bytes] = {}

    def refs(self, row: int) -> bytes:
        """Nothing where the value is empty: that series goes without the label."""
        code = self._codes[row]
        known = self._known.get(code)
        if known is None:
            value = self._values[code]
            known = self._symbols.refs([(self._name, value)]) if value else b""
            self._known[code] = known
        return known
