"""An answer read while it arrives: rows are decoded a window at a time, and its bytes let go. Pure.

    {"code":200,"data":[{"one/a":{"name":"one/a",...},"one/b":{"name":"one/b",...},"one/c":{"na
    |------ head ------||---------- rows, decoded and gone ------------||-- these stay here --
                        {                                              }  the comma, for a moment

A window ends where a row ends: before a key whose row begins as the first one did. That is a guess,
as a name may have anything in it; a wrong one is inside a row or a string, where what lies before
it is no JSON, and the one before it is tried. What is not of this form (an error, several sets, a
row of more than ``WINDOW`` bytes, another way of spacing) is kept to its end and decoded at once:
``allocation.decode`` says what an answer means, this only hands it smaller ones. A key that stood
twice in a set would count twice where a window ends between; Go's maps have each once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from otel_kubecost.errors import NoDataError
from otel_kubecost.receivers.kubecost.allocation import (
    check_head,
    decode,
    decode_rows,
)
from otel_kubecost.receivers.kubecost.table import RowTable

WINDOW = 1024 * 1024
"""Bytes: smaller ones cost more to begin with, larger ones nothing less."""
_TRIES = 16

_HEAD = re.compile(rb'\s*\{[^\[\]{}]*"data"\s*:\s*\[\s*\{(?=\s*")')
_FIRST = re.compile(rb'\s*"(?:[^"\\]|\\.)*"(:\{"\w+":)')
"""The key of a row, and how the row begins."""


class AllocationStream:
    """Takes an answer to an allocation query in any pieces."""

    def __init__(self, table: RowTable) -> None:
        """``table`` gets the rows."""
        self._row_type = table.projection.row_type
        self._buffer = bytearray()
        self._anchor = b""
        self._found = table
        self._is_whole = False
        self.beginning = b""
        """The first ``WINDOW`` bytes at least, or all."""

    def feed(self, chunk: bytes) -> None:
        """Raises ScrapeError where the answer is an error."""
        self._buffer += chunk
        if self._is_whole or len(self._buffer) < WINDOW:
            return
        if not self.beginning:
            self._begin()
        while not self._is_whole and len(self._buffer) >= WINDOW:
            self._is_whole = not self._decode_window()

    def finish(self) -> RowTable:
        """The rows; raises ScrapeError as ``decode`` does, NoDataError where there are none."""
        rest = bytes(self._buffer)
        self._buffer = bytearray()
        if not self._anchor:
            self.beginning = rest
            self._found.add(decode(rest, self._row_type))
        else:
            self._found.add(decode(b'{"data":[' + rest, self._row_type))
        if not len(self._found):
            raise NoDataError("Kubecost allocation query returned empty data")
        return self._found

    def _begin(self) -> None:
        """Look at the head, and how rows begin."""
        self.beginning = bytes(self._buffer)
        head = _HEAD.match(self.beginning)
        first = head and _FIRST.match(self.beginning, head.end())
        self._is_whole = not (head and first and check_head(head[0]))
        if head and first and not self._is_whole:
            self._anchor = b'"' + first[1]
            del self._buffer[: head.end() - 1]

    def _decode_window(self) -> bool:
        """Decode whole rows and let them go; false where no end of a row is found."""
        for comma in self._ends():
            if self._takes(comma):
                del self._buffer[:comma]
                self._buffer[:1] = b"{"
                return True
        return False

    def _takes(self, comma: int) -> bool:
        """Whether what is before ``comma`` are whole rows, which are taken then."""
        self._buffer[comma : comma + 1] = b"}"
        with memoryview(self._buffer) as buffer, buffer[: comma + 1] as window:
            taken = self._add(window)
        if not taken:
            self._buffer[comma : comma + 1] = b","
        return taken

    def _add(self, window: memoryview) -> bool:
        """Add the rows of ``window``, if it has such. They refer to its memory while they are."""
        rows = decode_rows(window, self._row_type)
        if rows is not None:
            self._found.add(rows)
        return rows is not None

    def _ends(self) -> Iterator[int]:
        """Where the comma behind a row may be, the last one first."""
        at = len(self._buffer)
        for _ in range(_TRIES):
            at = self._buffer.rfind(self._anchor, 0, at)
            end = self._buffer.rfind(b'},"', 0, at)
            if at < 0 or end < 0:
                return
            yield end + 1
            at = end
