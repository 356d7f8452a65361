"""Families of series to the bytes of remote write 2.0 requests, and from there to those of 1.0.

What a request is made of (io.prometheus.write.v2, 2.0-rc.4; tag bytes in hexadecimal)::

    Request        snappy block of
      22 len string                         symbols; the first is empty
      2a len  TimeSeries                    one per series: a frame
                0a len refs                 numbers of label names and values, sorted by name
                12 len  Sample              ascending by time
                          09 float64    10 int64 milliseconds   18 int64 start in milliseconds
                22 len  Exemplar            0a len refs   11 float64   18 int64 milliseconds
                2a len  Metadata            08 type   18 number of help   20 number of unit

Series go in the order of 1.0 and, where they came as columns, are not built either. A request
stands for itself, so it has symbols of its own and its frames are of use to no other: to halve
one, or to say it in 1.0, it is read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from otel_kubecost.exporters.prometheus_remote_write.codec import (
    TYPE_NUMBERS,
    Request,
    compressed,
    decompressed,
    encode,
)
from otel_kubecost.exporters.prometheus_remote_write.protobuf import field, pack_double, varint
from otel_kubecost.exporters.prometheus_remote_write.reading import shown
from otel_kubecost.exporters.prometheus_remote_write.reading_v2 import read
from otel_kubecost.exporters.prometheus_remote_write.rows import by_row, by_table
from otel_kubecost.exporters.prometheus_remote_write.symbols import RowRefs, Symbols
from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    Series,
    SeriesExemplar,
    Type,
)
from otel_kubecost.pdata import StringColumn

_CUMULATIVE = {Type.COUNTER, Type.HISTOGRAM}
"""What has a start; 2.0 asks for it where a series only grows."""


@dataclass(frozen=True, slots=True)
class RequestV2(Request):
    """One encoded POST of ``io.prometheus.write.v2.Request``."""

    @property
    def title(self) -> str:
        first = read(decompressed(self.body))[0]
        return shown(next(iter(first.series)).labels)

    def split(self) -> list[Request]:
        """Each half has the symbols that it uses."""
        families = read(decompressed(self.body))
        half = len(families) // 2
        halves = (families[:half], families[half:]) if half else ()
        return [one for part in halves for one in encode_v2(part, self.samples, exemplars=True)]

    def only(self, place: float) -> Request:
        family = read(decompressed(self.body))[int(place * self.series)]
        (request,) = encode_v2([family], self.samples, exemplars=True)
        return request

    def as_v1(self) -> Request:
        """The same series as ``prometheus.WriteRequest``, which has no place for starts.

        Nor does it describe series: metadata goes in requests of its own there.
        """
        families = read(decompressed(self.body))
        (request,) = encode(families, self.samples, exemplars=True)
        return request


def encode_v2(
    families: Iterable[Family], max_samples: int, *, exemplars: bool = False
) -> Iterator[RequestV2]:
    """Requests with all series of ``families`` in the order of 1.0, ``max_samples`` each at most.

    A series is never cut: one with more samples than that makes a request of its own.
    """
    draft = _Draft()
    for group in by_table(families):
        for family, columns, row, value in _cells(group):
            if draft.samples >= max_samples:
                yield draft.request()
                draft = _Draft()
            draft.add_row(family, columns, row, value)
        for family, series in _built(group):
            if draft.samples and draft.samples + len(series.samples) > max_samples:
                yield draft.request()
                draft = _Draft()
            draft.add(family, series if exemplars else series._replace(exemplars=()))
    if draft.samples:
        yield draft.request()


def _built(group: Iterable[Family]) -> Iterator[tuple[Family, Series]]:
    for family in group:
        if not isinstance(family.series, ColumnSeries):
            for series in family.series:
                yield family, series


def _cells(group: Iterable[Family]) -> Iterator[tuple[Family, ColumnSeries, int, float]]:
    """What the families over one table have, row by row."""
    columns = [
        (family, family.series) for family in group if isinstance(family.series, ColumnSeries)
    ]
    values = [by_row(series) for _, series in columns]
    for row, cells in enumerate(zip(*values, strict=True)):
        for (family, series), value in zip(columns, cells, strict=True):
            if value is not None:
                yield family, series, row, value


class _Draft:
    """A request that is being written."""

    def __init__(self) -> None:
        self.samples = 0
        self._symbols = Symbols()
        self._frames: list[bytes] = []
        self._times: set[int] = set()
        self._layouts: dict[int, _Layout] = {}

    def add_row(self, family: Family, columns: ColumnSeries, row: int, value: float) -> None:
        layout = self._layouts.get(id(columns))
        if layout is None:
            layout = self._layouts[id(columns)] = _Layout(family, columns, self._symbols)
            self._times.add(columns.timestamp)
        self._frames.append(layout.frame(row, value))
        self.samples += 1

    def add(self, family: Family, series: Series) -> None:
        labels = self._symbols.refs(series.labels)
        since = series.start if family.type in _CUMULATIVE else 0
        samples = [_sample(value, _times(time, since)) for time, value in series.samples]
        extra = [_exemplar(one, self._symbols) for one in series.exemplars]
        metadata = _metadata(family, self._symbols)
        frame = field(0x2A, b"".join((field(0x0A, labels), *samples, *extra, metadata)))
        self._frames.append(frame)
        self._times.add(series.samples[-1].timestamp)
        self.samples += len(series.samples)

    def request(self) -> RequestV2:
        body = compressed(b"".join((self._symbols.encoded(), *self._frames)))
        return RequestV2(body, self.samples, len(self._frames), max(self._times))


class _Layout:
    """How the frames of one family over columns are joined: constant labels around the row's own.

    Runs of columns (namespace and pod, say) alternate with bytes that are the same in each row.
    """

    __slots__ = ("_first", "_runs", "_sample_head", "_tail")

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
        times = _times(series.timestamp, series.start if family.type in _CUMULATIVE else 0)
        self._sample_head = b"\x12" + varint(9 + len(times)) + b"\x09"
        self._tail = times + _metadata(family, symbols)

    def frame(self, row: int, value: float) -> bytes:
        refs = self._first
        for own, after in self._runs:
            refs += own.of(row) + after
        message = b"".join(
            (
                b"\x0a",
                varint(len(refs)),
                refs,
                self._sample_head,
                pack_double(value),
                self._tail,
            )
        )
        return b"\x2a" + varint(len(message)) + message


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
