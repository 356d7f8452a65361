"""Frames of series over columns, a row's side by side, in pieces that are joined at last.

Nothing is made for each series but the eight bytes of its value: two families, a row::

    head 0   row   value   tail, head 1   row   value   tail

    head     0a len, the labels before the first that a column gives    by the length of ``row``
    row      the labels from there on, 12 len 09                        the same in all families
    value    8 bytes
    tail     10 time                                                    the same in all frames

So for each family the pieces of many rows are laid at equal distances into one list, which is
joined at one go. It takes an eighth of the time that a frame made for each series takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from struct import Struct

from otel_kubecost.exporters.encoding.protobuf import double_bytes, varint
from otel_kubecost.exporters.encoding.row_pieces import RowPieces
from otel_kubecost.exporters.prometheus_remote_write.frames import (
    Frame,
    frames_in,
    label_fields,
    label_prefix,
    time_field,
)
from otel_kubecost.exporters.prometheus_remote_write.rows import row_labels
from otel_kubecost.exporters.series.model import ColumnSeries

_AT_ONCE = 4096
"""Series whose pieces exist together: 300 KiB."""


class RowFrames:
    """The frames of neighbouring rows, each with as many series as there are families."""

    def __init__(self, pieces: list[bytes], sizes: Sequence[int], width: int, newest: int) -> None:
        self._pieces = pieces
        self._stride = len(pieces) // len(sizes)
        self.width = width
        """Series a row, of one sample each."""
        self.newest = newest
        """The time of all samples, in milliseconds since the epoch."""
        self.ends = [*accumulate(sizes, initial=0)]
        """Bytes before each row, and of all of them."""

    def __len__(self) -> int:
        return len(self.ends) - 1

    def parts(self, start: int, stop: int, size: int) -> Iterator[tuple[list[bytes], int]]:
        """The pieces of rows from ``start`` to before ``stop``, about ``size`` bytes at a time.

        With each part comes how many bytes it has.
        """
        some = max(1, size * len(self) // self.ends[-1])
        for at in range(start, stop, some):
            until = min(at + some, stop)
            yield self._of(at, until), self.ends[until] - self.ends[at]

    def frames(self, row: int) -> list[Frame]:
        return frames_in(b"".join(self._of(row, row + 1)))

    def _of(self, start: int, stop: int) -> list[bytes]:
        return self._pieces[start * self._stride : stop * self._stride]


def row_frames(families: Sequence[ColumnSeries]) -> Iterator[RowFrames]:
    """All frames of ``families`` that ``by_rows`` put together, some rows after others."""
    table = _Table(families)
    some = max(1, _AT_ONCE // len(families))
    return (table.frames(at, at + some) for at in range(0, len(families[0]), some))


class _Table:
    """The ready parts of the frames of families that stand over the same rows."""

    def __init__(self, families: Sequence[ColumnSeries]) -> None:
        self._values = [series.points.values for series in families]
        self._rows = families[0].points.row_numbers()
        self._time = families[0].timestamp
        self._tail = time_field(self._time)
        sample = b"\x12" + varint(9 + len(self._tail)) + b"\x09"
        self._labels = RowPieces(row_labels(families[0]), label_prefix, sample)
        behind = 8 + len(self._tail)
        heads = [_Heads(series, behind, self._tail) for series in families[1:]]
        self._heads = [_Heads(families[0], behind, b""), *heads]
        self._sizes = _Sizes(self._heads, len(self._tail))

    def frames(self, start: int, stop: int) -> RowFrames:
        """Of the rows from ``start`` to before ``stop``, or to the end."""
        rows = self._labels.of(self._rows[start:stop])
        lengths = [*map(len, rows)]
        eights = Struct("8s" * len(rows)).unpack
        stride = 3 * len(self._heads) + 1
        pieces = [self._tail] * (stride * len(rows))
        for at, (heads, values) in enumerate(zip(self._heads, self._values, strict=True)):
            pieces[3 * at :: stride] = map(heads.__getitem__, lengths)
            pieces[3 * at + 1 :: stride] = rows
            pieces[3 * at + 2 :: stride] = eights(double_bytes(values[start:stop]))
        sizes = [*map(self._sizes.__getitem__, lengths)]
        return RowFrames(pieces, sizes, len(self._heads), self._time)


class _Heads(dict[int, bytes]):
    """By the length of ``row`` what stands before it; ``behind`` it are so many bytes."""

    def __init__(self, series: ColumnSeries, behind: int, tail: bytes) -> None:
        super().__init__()
        constant = series.labels[: len(series.labels) - len(row_labels(series))]
        self._labels = label_fields((name, str(value)) for name, value in constant)
        self._others = len(self._labels) + behind
        self._tail = tail

    def __missing__(self, length: int) -> bytes:
        start = self._tail + b"\x0a" + varint(self._others + length)
        head = self[length] = start + self._labels
        return head


class _Sizes(dict[int, int]):
    """By the length of ``row`` the bytes of all frames of a row."""

    def __init__(self, heads: Sequence[_Heads], tail: int) -> None:
        super().__init__()
        self._heads = heads
        self._tail = tail

    def __missing__(self, length: int) -> int:
        size = sum([len(heads[length]) + length + 8 for heads in self._heads]) + self._tail
        self[length] = size
        return size
