"""Frames of series over columns as pieces at equal distances, and what of them is made but once."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from struct import Struct

from otel_kubecost.exporters.encoding.protobuf import double_bytes, varint
from otel_kubecost.exporters.prometheus_remote_write.frames import Frame, frames_in, label_fields
from otel_kubecost.exporters.prometheus_remote_write.rows import row_labels
from otel_kubecost.exporters.series.model import ColumnSeries


class RowFrames:
    """The frames of neighbouring rows, each with as many series as there are families."""

    def __init__(
        self, pieces: list[bytes], sizes: Sequence[int], width: int, times: Sequence[int]
    ) -> None:
        """``times`` of the rows, in milliseconds since the epoch; one alone is that of all."""
        self._pieces = pieces
        self._stride = len(pieces) // len(sizes)
        self._times = times
        self.width = width
        """Series a row, of one sample each."""
        self.ends = [*accumulate(sizes, initial=0)]
        """Bytes before each row, and of all of them."""

    def __len__(self) -> int:
        return len(self.ends) - 1

    def newest(self, start: int, stop: int) -> int:
        """The newest time of rows from ``start`` to before ``stop``."""
        return max(self._times[start:stop]) if len(self._times) > 1 else self._times[0]

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


class Heads(dict[int, bytes]):
    """By the length of ``row`` what stands before it; ``behind`` it are so many bytes."""

    def __init__(self, series: ColumnSeries, behind: int, tail: bytes = b"") -> None:
        """``tail``: of the frame before, where that is the same in each row."""
        super().__init__()
        constant = series.labels[: len(series.labels) - len(row_labels(series))]
        self._labels = label_fields((name, str(value)) for name, value in constant)
        self._others = len(self._labels) + behind
        self._tail = tail

    def __missing__(self, length: int) -> bytes:
        start = self._tail + b"\x0a" + varint(self._others + length)
        head = self[length] = start + self._labels
        return head


class Sizes(dict[int, int]):
    """By the length of ``row`` the bytes of all frames of a row."""

    def __init__(self, heads: Sequence[Heads], tail: int = 0) -> None:
        """``tail``: of the last frame, where it is not in ``row``."""
        super().__init__()
        self._heads = heads
        self._tail = tail

    def __missing__(self, length: int) -> int:
        size = sum([len(heads[length]) + length + 8 for heads in self._heads]) + self._tail
        self[length] = size
        return size


def eights(values: array[float]) -> tuple[bytes, ...]:
    """The eight bytes of each value."""
    return Struct("8s" * len(values)).unpack(double_bytes(values))


def sample_head(tail: int) -> bytes:
    """What stands before the value of a sample with so many bytes behind it."""
    return b"\x12" + varint(9 + tail) + b"\x09"
