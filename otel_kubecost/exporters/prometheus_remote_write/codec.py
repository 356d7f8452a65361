"""Families of series to the bytes of remote write 1.0 requests.

What a request is made of (prometheus/prompb, the fields that 1.0 has; tag bytes in hexadecimal)::

    WriteRequest   snappy block of
      0a len  TimeSeries                      one per series: a frame
                0a len  Label                 sorted by name
                          0a len name   12 len value
                12 len  Sample                ascending by time
                          09 float64    10 int64 milliseconds
                1a len  Exemplar              labels as above, value and time as in Sample
      1a len  MetricMetadata                  08 type   12 len name   22 len help   2a len unit

Series that came as columns are never built. Most of a frame is the same from series to series, so
label bytes are encoded once for each distinct string and frames are joined from ready parts. The
families of one table go row by row, a pod's series side by side: snappy then finds a pod's labels
close behind, 29 bytes a sample on the wire where metric by metric needs 40.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import cramjam

from otel_kubecost.exporters.prometheus_remote_write.protobuf import (
    field,
    fields,
    pack_double,
    string,
    varint,
)
from otel_kubecost.exporters.prometheus_remote_write.reading import labels_of, sample_times, shown
from otel_kubecost.exporters.prometheus_remote_write.rows import by_row, by_table, middle
from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    Series,
    SeriesExemplar,
    Type,
)
from otel_kubecost.pdata import AttributeTable, StringColumn

Frame: TypeAlias = tuple[bytes, int, int]
"""An encoded ``TimeSeries`` with its tag and length, its samples, its newest time (ms)."""

TYPE_NUMBERS = {Type.UNKNOWN: 0, Type.COUNTER: 1, Type.GAUGE: 2, Type.HISTOGRAM: 3}
"""As metadata has them, in 1.0 and in 2.0."""


@dataclass(frozen=True, slots=True)
class Request:
    """One encoded POST: the body, and what it counts for when it is queued, sent or lost."""

    body: bytes
    samples: int
    series: int
    newest: int
    """Milliseconds since the epoch; 0 where the request has no samples."""

    @property
    def kind(self) -> str:
        return "prometheus.WriteRequest"

    @property
    def title(self) -> str:
        """The first series as PromQL writes it, bounded; empty where there is none."""
        tag, message = self._messages()[0]
        return shown(labels_of(message)) if tag == 0x0A else ""

    def split(self) -> list[Request]:
        """Two requests with half the bytes each; empty where there is but one series."""
        frames = [_reframe(tag, message) for tag, message in self._messages()]
        if len(frames) < 2:
            return []
        half = middle([len(data) for data, _, _ in frames])
        return [_request(frames[:half]), _request(frames[half:])]

    def only(self, place: float) -> Request:
        """A request of one of its series: from 0, the first, to just below 1, the last."""
        return _request([_reframe(*self._messages()[int(place * self.series)])])

    def _messages(self) -> list[tuple[int, bytes]]:
        return list(fields(decompressed(self.body)))


def compressed(message: bytes) -> bytes:
    """As the body of a POST: a snappy block."""
    return bytes(cramjam.snappy.compress_raw(message))


def decompressed(body: bytes) -> bytes:
    return bytes(cramjam.snappy.decompress_raw(body))


def encode(
    families: Iterable[Family],
    max_samples: int,
    max_bytes: float = math.inf,
    *,
    exemplars: bool = False,
) -> Iterator[Request]:
    """Requests with all series of ``families`` in a stable order.

    None has more than ``max_samples``, or than ``max_bytes`` before it is compressed. A series is
    never cut: one that is larger than that makes a request of its own.
    """
    frames = _frames(families, exemplars=exemplars)
    return map(_request, _packed(frames, max_samples, max_bytes))


def encode_metadata(
    families: Iterable[Family], max_metadata: int, max_bytes: float = math.inf
) -> Iterator[Request]:
    """Requests with type, help and unit of ``families`` and no samples: 1.0 sends them apart.

    None has more than ``max_metadata`` families, or than ``max_bytes``; see ``encode``.
    """
    for described in _packed(((_metadata(one), 1, 0) for one in families), max_metadata, max_bytes):
        yield _request([(data, 0, 0) for data, _, _ in described])


def _packed(frames: Iterable[Frame], max_count: int, max_bytes: float) -> Iterator[list[Frame]]:
    """What goes into one request: no more, but always one."""
    together: list[Frame] = []
    count = size = 0
    for frame in frames:
        count += frame[1]
        size += len(frame[0])
        if together and (count > max_count or size > max_bytes):
            yield together
            together, count, size = [], frame[1], len(frame[0])
        together.append(frame)
    if together:
        yield together


def _request(frames: Sequence[Frame]) -> Request:
    body = compressed(b"".join([data for data, _, _ in frames]))
    samples = sum([count for _, count, _ in frames])
    return Request(body, samples, len(frames), max([newest for _, _, newest in frames]))


def _frames(families: Iterable[Family], *, exemplars: bool) -> Iterator[Frame]:
    for group in by_table(families):
        columns = [family.series for family in group if isinstance(family.series, ColumnSeries)]
        if columns:
            yield from _column_frames(columns)
            continue
        for family in group:
            for series in family.series:
                yield series_frame(series, exemplars=exemplars)


# Series one by one: any labels, any number of samples.


def series_frame(series: Series, *, exemplars: bool = False) -> Frame:
    labels = b"".join([_label(name, value) for name, value in series.labels])
    samples = b"".join([_sample(value, _time(time)) for time, value in series.samples])
    extra = b"".join([_exemplar(one) for one in series.exemplars]) if exemplars else b""
    frame = field(0x0A, labels + samples + extra)
    return frame, len(series.samples), series.samples[-1].timestamp


# Series over columns: one sample each, all of one time.


def _column_frames(group: Sequence[ColumnSeries]) -> Iterator[Frame]:
    """Frames of the families over one table, row by row."""
    parts = _RowParts(group[0].points.table)
    families = [_Layout(series, parts).frames(by_row(series)) for series in group]
    for of_row in zip(*families, strict=True):
        yield from filter(None, of_row)


_ColumnRun: TypeAlias = tuple[tuple[str, StringColumn], ...]
"""Neighbouring labels whose values come from columns."""


class _RowParts:
    """For runs of columns of one table the label bytes of each row; families share them."""

    def __init__(self, table: AttributeTable) -> None:
        self._size = len(table)
        self._known: dict[tuple[tuple[str, int], ...], list[bytes]] = {}

    def of(self, run: _ColumnRun) -> list[bytes]:
        key = tuple((name, id(column)) for name, column in run)
        if key not in self._known:
            self._known[key] = self._encode(run)
        return self._known[key]

    def _encode(self, run: _ColumnRun) -> list[bytes]:
        joined = [b""] * self._size
        for name, column in run:
            encoded = [_label(name, value) if value else b"" for value in column.values]
            pairs = zip(joined, column.codes, strict=True)
            joined = [before + encoded[code] for before, code in pairs]
        return joined


class _Layout:
    """How the frames of one family are joined::

        head                      own        middle                       value    tail
        0a len  labels before it  the row's  labels behind it, 12 len 09  8 bytes  10 time

    Most families have one run of columns (namespace and pod, say, between currency and
    tenant_id); a family with none, or with several, is folded into the same parts. Heads differ
    only with the length of what is the row's own.
    """

    __slots__ = ("_before", "_fixed", "_heads", "_middle", "_rows", "_tail", "_time")

    def __init__(self, series: ColumnSeries, parts: _RowParts) -> None:
        self._time = series.timestamp
        self._tail = b"\x10" + varint(self._time)
        self._before, self._rows, after = _three_parts(series, parts)
        self._middle = after + b"\x12" + varint(9 + len(self._tail)) + b"\x09"
        self._fixed = len(self._before) + len(self._middle) + 8 + len(self._tail)
        self._heads: dict[int, bytes] = {}

    def frames(self, cells: Iterable[float | None]) -> Iterator[Frame | None]:
        """One a row; None where ``cells`` has no value."""
        heads, middle, tail, time = self._heads, self._middle, self._tail, self._time
        for own, value in zip(self._rows, cells, strict=True):
            if value is None:
                yield None
                continue
            head = heads.get(len(own)) or self._head(len(own))
            yield b"".join((head, own, middle, pack_double(value), tail)), 1, time

    def _head(self, length: int) -> bytes:
        head = self._heads[length] = b"\x0a" + varint(self._fixed + length) + self._before
        return head


def _three_parts(series: ColumnSeries, parts: _RowParts) -> tuple[bytes, list[bytes], bytes]:
    before, after = b"", b""
    rows: list[bytes] | None = None
    for fixed, labels in groupby(series.labels, key=lambda label: isinstance(label[1], str)):
        run = tuple(labels)
        if fixed:
            after += b"".join([_label(name, str(value)) for name, value in run])
            continue
        own = parts.of(tuple((n, value) for n, value in run if isinstance(value, StringColumn)))
        if rows is None:
            before, rows, after = after, own, b""
        else:
            rows = [first + after + second for first, second in zip(rows, own, strict=True)]
            after = b""
    return before, rows if rows is not None else [b""] * len(series.points.table), after


# What a frame is made of.


def _label(name: str, value: str) -> bytes:
    return field(0x0A, string(0x0A, name) + string(0x12, value))


def _time(milliseconds: int) -> bytes:
    return b"\x10" + varint(milliseconds)


def _sample(value: float, time: bytes) -> bytes:
    # 0.0 is written out too: an empty message for a sample would be legal and is often misread.
    return field(0x12, b"\x09" + pack_double(value) + time)


def _exemplar(exemplar: SeriesExemplar) -> bytes:
    labels = b"".join([_label(name, value) for name, value in exemplar.labels])
    sample = b"\x11" + pack_double(exemplar.value) + b"\x18" + varint(exemplar.timestamp)
    return field(0x1A, labels + sample)


def _metadata(family: Family) -> bytes:
    message = b"\x08" + varint(TYPE_NUMBERS[family.type]) + string(0x12, family.name)
    message += string(0x22, family.help) if family.help else b""
    message += string(0x2A, family.unit) if family.unit else b""
    return field(0x1A, message)


def _reframe(tag: int, message: bytes) -> Frame:
    """The frame of a message that ``fields`` gave; metadata has no samples."""
    times = sample_times(message) if tag == 0x0A else []
    return field(tag, message), len(times), max(times, default=0)
