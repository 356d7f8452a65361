"""Frames of series over columns whose rows have times of their own (``row_frames``).

    head 0   row   value   tail   head 1   row   value   tail

The tail is a piece for itself, made once for each time: a container's series have one. What stands
before the row goes by the bytes of row and tail together.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import add

from otel_kubecost.exporters.encoding.row_pieces import RowPieces
from otel_kubecost.exporters.prometheus_remote_write.frames import label_prefix, time_field
from otel_kubecost.exporters.prometheus_remote_write.laid_frames import (
    Heads,
    RowFrames,
    Sizes,
    eights,
    sample_head,
)
from otel_kubecost.exporters.prometheus_remote_write.rows import row_labels
from otel_kubecost.exporters.series.model import ColumnSeries


class TimedTable:
    """The ready parts of the frames of families that stand over the same rows."""

    def __init__(self, families: Sequence[ColumnSeries]) -> None:
        self._values = [series.points.values for series in families]
        self._rows = families[0].points.row_numbers()
        self._times = [*families[0].times()]
        self._sample_heads = _SampleHeads()
        self._labels = RowPieces(row_labels(families[0]), label_prefix)
        self._heads = [Heads(series, 8) for series in families]
        self._sizes = Sizes(self._heads)

    def frames(self, start: int, stop: int) -> RowFrames:
        """Of the rows from ``start`` to before ``stop``, or to the end."""
        times = self._times[start:stop]
        tails = [*map(time_field, times)]
        sample_heads = map(self._sample_heads.__getitem__, map(len, tails))
        rows = [*map(add, self._labels.of(self._rows[start:stop]), sample_heads)]
        lengths = [*map(add, map(len, rows), map(len, tails))]
        stride = 4 * len(self._heads)
        pieces = [b""] * (stride * len(rows))
        for at, (heads, values) in enumerate(zip(self._heads, self._values, strict=True)):
            pieces[4 * at :: stride] = map(heads.__getitem__, lengths)
            pieces[4 * at + 1 :: stride] = rows
            pieces[4 * at + 2 :: stride] = eights(values[start:stop])
            pieces[4 * at + 3 :: stride] = tails
        sizes = [*map(self._sizes.__getitem__, lengths)]
        return RowFrames(pieces, sizes, len(self._heads), times)


class _SampleHeads(dict[int, bytes]):
    """By the length of the tail."""

    def __missing__(self, length: int) -> bytes:
        head = self[length] = sample_head(length)
        return head
