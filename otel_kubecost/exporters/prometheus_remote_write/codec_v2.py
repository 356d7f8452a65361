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

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from otel_kubecost.exporters.encoding.halving import middle
from otel_kubecost.exporters.encoding.protobuf import field, pack_double, varint
from otel_kubecost.exporters.prometheus_remote_write.codec import (
    TYPE_NUMBERS,
    Request,
    compressed,
    decompressed,
    encode,
)
from otel_kubecost.exporters.prometheus_remote_write.frames import series_frame
from otel_kubecost.exporters.prometheus_remote_write.reading import shown
from otel_kubecost.exporters.prometheus_remote_write.reading_v2 import read
from otel_kubecost.exporters.prometheus_remote_write.rows import by_rows
from otel_kubecost.exporters.prometheus_remote_write.symbols import RowRefs, Symbols
from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    Series,
    SeriesExemplar,
    Type,
)
from otel_kubecost.pdata import StringColumn
from otel_kubecost.storage import StoredRequest

_CUMULATIVE = {Type.COUNTER, Type.HISTOGRAM}
"""What has a start; 2.0 asks for it where a series only grows."""


V2_MESSAGE = "io.prometheus.write.v2.Request"


@dataclass(frozen=True, slots=True)
class RequestV2(Request):
    """One encoded POST of ``io.prometheus.write.v2.Request``."""

    @property
    def kind(self) -> str:
        return V2_MESSAGE

    @property
    def title(self) -> str:
        first = read(decompressed(self.body))[0]
        return shown(next(iter(first.series)).labels)

    def split(self) -> list[Request]:
        """Each half has the symbols that it uses.

        They are halves of what is said: strings that all series share weigh with each of them.
        """
        families = read(decompressed(self.body))
        if len(families) < 2:
            return []
        half = middle([_spelled_out(family) for family in families])
        halves = (families[:half], families[half:])
        return [one for part in halves for one in encode_v2(part, self.samples, exemplars=True)]

    def only(self, place: float) -> Request:
        family = read(decompressed(self.body))[int(place * self.series)]
        (request,) = encode_v2([family], self.samples, exemplars=True)
        return request

    def as_v1(self) -> Request:
        """The same series as ``prometheus.WriteRequest``, which has no place for starts.

        Nor does it describe series: metadata goes in requests of its own there. It may be larger
        than any limit, for it has no symbols; a receiver that minds has it split.
        """
        families = read(decompressed(self.body))
        (request,) = encode(families, self.samples, exemplars=True)
        return request


def unpacked(stored: StoredRequest) -> Request:
    """The request that was kept as ``stored``, whichever message it is."""
    kind = RequestV2 if stored.kind == V2_MESSAGE else Request
    return kind(stored.body, stored.samples, stored.series, stored.place.newest)


def encode_v2(
    families: Iterable[Family],
    max_samples: int,
    max_bytes: float = math.inf,
    *,
    exemplars: bool = False,
) -> Iterator[RequestV2]:
    """Requests with all series of ``families`` in the order of 1.0.

    None has more than ``max_samples``, or than ``max_bytes`` before it is compressed, symbols
    among them. A series is never cut: one that is larger than that makes a request of its own.
    """
    draft = _Draft(max_samples, max_bytes)
    for group in by_rows(families):
        for family, columns, row, value in _cells(group):
            if not draft.takes_row(family, columns, row, value):
                yield draft.request()
                draft = _Draft(max_samples, max_bytes)
                draft.takes_row(family, columns, row, value)
        for family, built in _built(group):
            series = built if exemplars else built._replace(exemplars=())
            if not draft.takes(family, series):
                yield draft.request()
                draft = _Draft(max_samples, max_bytes)
                draft.takes(family, series)
    if not draft.is_empty:
        yield draft.request()


def _spelled_out(family: Family) -> int:
    """Bytes of a family of one series without symbols, its help aside."""
    (series,) = family.series
    return len(series_frame(series, exemplars=True)[0])


def _built(group: Iterable[Family]) -> Iterator[tuple[Family, Series]]:
    for family in group:
        if not isinstance(family.series, ColumnSeries):
            for series in family.series:
                yield family, series


def _cells(group: Iterable[Family]) -> Iterator[tuple[Family, ColumnSeries, int, float]]:
    """What the families over the same rows have, row by row."""
    columns = [
        (family, family.series) for family in group if isinstance(family.series, ColumnSeries)
    ]
    if columns:
        values = [series.points.values for _, series in columns]
        rows = columns[0][1].points.row_numbers()
        for row, cells in zip(rows, zip(*values, strict=True), strict=True):
            for (family, series), value in zip(columns, cells, strict=True):
                yield family, series, row, value


class _Draft:
    """A request that is being written, until there is something that it does not take."""

    def __init__(self, max_samples: int, max_bytes: float) -> None:
        self._samples = 0
        self._max_samples = max_samples
        self._bytes_left = max_bytes
        self._symbols = Symbols()
        self._frames: list[bytes] = []
        self._times: set[int] = set()
        self._layouts: dict[int, _Layout] = {}

    @property
    def is_empty(self) -> bool:
        return not self._frames

    def takes_row(self, family: Family, columns: ColumnSeries, row: int, value: float) -> bool:
        """Whether the series is in it now: the first always is, another if there is room."""
        symbols_before = self._symbols.size
        layout = self._layouts.get(id(columns))
        if layout is None:
            layout = self._layouts[id(columns)] = _Layout(family, columns, self._symbols)
        return self._has_room(layout.frame(row, value), 1, layout.time, symbols_before)

    def takes(self, family: Family, series: Series) -> bool:
        """As ``takes_row``."""
        symbols_before = self._symbols.size
        labels = self._symbols.refs(series.labels)
        since = series.start if family.type in _CUMULATIVE else 0
        samples = [_sample(value, _times(time, since)) for time, value in series.samples]
        extra = [_exemplar(one, self._symbols) for one in series.exemplars]
        metadata = _metadata(family, self._symbols)
        frame = field(0x2A, b"".join((field(0x0A, labels), *samples, *extra, metadata)))
        newest = series.samples[-1].timestamp
        return self._has_room(frame, len(samples), newest, symbols_before)

    def _has_room(self, frame: bytes, samples: int, newest: int, symbols_before: int) -> bool:
        """What it costs is known when its strings are among the symbols: they go if it goes."""
        total = self._samples + samples
        self._bytes_left -= len(frame)
        if (total > self._max_samples or self._bytes_left < self._symbols.size) and self._frames:
            self._symbols.shrink(symbols_before)
            return False
        self._samples = total
        self._times.add(newest)
        self._frames.append(frame)
        return True

    def request(self) -> RequestV2:
        body = compressed(b"".join((self._symbols.encoded(), *self._frames)))
        return RequestV2(body, self._samples, len(self._frames), max(self._times))


class _Layout:
    """How the frames of one family over columns are joined: constant labels around the row's own.

    Runs of columns (namespace and pod, say) alternate with bytes that are the same in each row.
    """

    __slots__ = ("_first", "_fixed", "_runs", "_sample_head", "_tail", "time")

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
        self.time = series.timestamp
        times = _times(self.time, series.start if family.type in _CUMULATIVE else 0)
        self._sample_head = b"\x12" + varint(9 + len(times)) + b"\x09"
        self._tail = times + _metadata(family, symbols)
        self._fixed = 1 + len(self._sample_head) + 8 + len(self._tail)

    def frame(self, row: int, value: float) -> bytes:
        refs = self._first
        for own, after in self._runs:
            refs += own.of(row) + after
        length = varint(len(refs))
        return b"".join(
            (
                b"\x2a",
                varint(self._fixed + len(length) + len(refs)),
                b"\x0a",
                length,
                refs,
                self._sample_head,
                pack_double(value),
                self._tail,
            )
        )


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
