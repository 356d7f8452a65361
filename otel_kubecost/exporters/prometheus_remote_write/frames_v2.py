"""Series to the frames of remote write 2.0: one by one, or as cells over the same rows.

What stands in a frame is listed in ``codec_v2``; both ways come to the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby, repeat
from typing import NamedTuple

from otel_kubecost.exporters.encoding.protobuf import field, pack_double, varint
from otel_kubecost.exporters.prometheus_remote_write.codec import TYPE_NUMBERS
from otel_kubecost.exporters.prometheus_remote_write.symbols import RowRefs, Symbols
from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    Series,
    SeriesExemplar,
    Type,
)
from otel_kubecost.pdata import StringColumn

_CUMULATIVE = {Type.COUNTER, Type.HISTOGRAM, Type.SUMMARY}
"""What has a start; 2.0 asks for it where a series only grows."""


def series_frame_v2(family: Family, series: Series, symbols: Symbols) -> bytes:
    labels = symbols.refs(series.labels)
    since = series.start if family.type in _CUMULATIVE else 0
    samples = [_sample(value, _times(time, since)) for time, value in series.samples]
    extra = [_exemplar(one, symbols) for one in series.exemplars]
    metadata = _metadata(family, symbols)
    return field(0x2A, b"".join((field(0x0A, labels), *samples, *extra, metadata)))


# Cells: neither a series nor a label set is built.


class Cell(NamedTuple):
    """A series of a family over columns, not built."""

    family: Family
    columns: ColumnSeries
    row: int
    value: float
    time: int
    since: int


def cells_of(group: Iterable[Family]) -> Iterator[Cell]:
    """What the families over the same rows have, row by row."""
    columns = [
        (family, family.series) for family in group if isinstance(family.series, ColumnSeries)
    ]
    first = columns[0][1]
    values = zip(*[series.points.values for _, series in columns], strict=True)
    starts = zip(*[_starts(family, series) for family, series in columns], strict=True)
    rows = zip(first.points.row_numbers(), first.times(), values, starts, strict=True)
    for row, time, cells, since in rows:
        for (family, series), value, start in zip(columns, cells, since, strict=True):
            yield Cell(family, series, row, value, time, start)


def _starts(family: Family, series: ColumnSeries) -> Iterable[int]:
    return series.starts() if family.type in _CUMULATIVE else repeat(0, len(series))


class Layout:
    """How the frames of one family over columns are joined: constant labels around the row's own.

    Runs of columns (namespace and pod, say) alternate with bytes that are the same in each row.
    """

    __slots__ = ("_first", "_metadata", "_runs", "_sample_head", "_tail", "_times")

    def __init__(self, family: Family, series: ColumnSeries, symbols: Symbols) -> None:
        self._first = b""
        self._runs: list[tuple[RowRefs, bytes]] = []
        for fixed, labels in groupby(series.labels, key=lambda label: isinstance(label[1], str)):
            run = tuple(labels)
            if not fixed:
                own = tuple((n, value) for n, value in run if isinstance(value, StringColumn))
                self._runs.append((symbols.rows(own), b""))
                continue
            refs = symbols.refs((name, str(value)) for name, value in run)
            if self._runs:
                self._runs[-1] = (self._runs[-1][0], refs)
            else:
                self._first = refs
        self._metadata = _metadata(family, symbols)
        self._times: tuple[int, int] | None = None
        self._sample_head = self._tail = b""

    def frame(self, cell: Cell) -> bytes:
        if self._times != (cell.time, cell.since):
            self._set_times(cell.time, cell.since)
        refs = self._first
        for own, after in self._runs:
            refs += own.of(cell.row) + after
        length = varint(len(refs))
        others = 1 + len(self._sample_head) + 8 + len(self._tail)
        return b"".join(
            (
                b"\x2a",
                varint(others + len(length) + len(refs)),
                b"\x0a",
                length,
                refs,
                self._sample_head,
                pack_double(cell.value),
                self._tail,
            )
        )

    def _set_times(self, time: int, since: int) -> None:
        """The same in all rows, mostly."""
        self._times = (time, since)
        times = _times(time, since)
        self._sample_head = b"\x12" + varint(9 + len(times)) + b"\x09"
        self._tail = times + self._metadata


# What a frame is made of.


def _times(time: int, since: int) -> bytes:
    """A start that is not before the sample says nothing, and receivers object to it."""
    start = b"\x18" + varint(since) if 0 < since < time else b""
    return b"\x10" + varint(time) + start


def _sample(value: float, times: bytes) -> bytes:
    return field(0x12, b"\x09" + pack_double(value) + times)


def _exemplar(exemplar: SeriesExemplar, symbols: Symbols) -> bytes:
    labels = field(0x0A, symbols.refs(exemplar.labels))
    sample = b"\x11" + pack_double(exemplar.value) + b"\x18" + varint(exemplar.timestamp)
    return field(0x22, labels + sample)


def _metadata(family: Family, symbols: Symbols) -> bytes:
    kind = varint(TYPE_NUMBERS[family.type])
    help_ref, unit_ref = symbols.ref(family.help), symbols.ref(family.unit)
    return field(0x2A, b"\x08" + kind + b"\x18" + help_ref + b"\x20" + unit_ref)
