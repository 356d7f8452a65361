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

Series that came as columns are never built (``row_frames``), and a request is compressed as it is
written. The families of one table go row by row, a pod's series side by side (``rows``): snappy
then finds a pod's labels close behind, 29 bytes a sample on the wire where metric by metric needs
40.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import cramjam

from otel_kubecost.exporters.encoding.halving import middle
from otel_kubecost.exporters.encoding.protobuf import field, fields, string, varint
from otel_kubecost.exporters.prometheus_remote_write.frames import (
    Frame,
    frames_in,
    series_frame,
)
from otel_kubecost.exporters.prometheus_remote_write.laid_frames import RowFrames
from otel_kubecost.exporters.prometheus_remote_write.reading import labels_of, shown
from otel_kubecost.exporters.prometheus_remote_write.row_frames import row_frames
from otel_kubecost.exporters.prometheus_remote_write.rows import (
    by_rows,
    columns_of,
    one_by_one,
    with_exemplars_built,
)
from otel_kubecost.exporters.series.model import Family, Type

TYPE_NUMBERS = {
    Type.UNKNOWN: 0,
    Type.COUNTER: 1,
    Type.GAUGE: 2,
    Type.HISTOGRAM: 3,
    Type.GAUGE_HISTOGRAM: 4,
    Type.SUMMARY: 5,
    Type.INFO: 6,
    Type.STATESET: 7,
}
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
        tag, message = next(fields(decompressed(self.body)))
        return shown(labels_of(message)) if tag == 0x0A else ""

    def split(self) -> list[Request]:
        """Two requests with half the bytes each; empty where there is but one series."""
        frames = frames_in(decompressed(self.body))
        if len(frames) < 2:
            return []
        half = middle([len(data) for data, _, _ in frames])
        return [_request(frames[:half]), _request(frames[half:])]

    def only(self, place: float) -> Request:
        """A request of one of its series: from 0, the first, to just below 1, the last."""
        return _request([frames_in(decompressed(self.body))[int(place * self.series)]])


# Compression.


_FRAGMENT = 1 << 16
"""Bytes that snappy compresses for themselves: nothing refers to what was before them."""

_AT_ONCE = 2 * _FRAGMENT
"""Few enough to stay in the processor's cache, and to be taken from memory that is at hand."""


class _Block:
    """A snappy block that is compressed while it is written: a request is never whole in memory.

    The format (google/snappy, format_description.txt)::

        length of the message, a varint    elements: literals, and copies of what came before

    Compressors cut the message into fragments of 64 KiB and no copy reaches over a cut. So the
    elements of whole fragments, one part after another, are to the byte what ``compressed`` makes
    of the message.
    """

    def __init__(self) -> None:
        self._size = 0
        self._elements: list[bytes] = []
        self._waiting: list[bytes] = []
        self._waiting_size = 0

    def write(self, pieces: Iterable[bytes], size: int) -> None:
        """``pieces``, which are ``size`` bytes together, behind what is there."""
        self._waiting += pieces
        self._waiting_size += size
        if self._waiting_size >= _AT_ONCE:
            message = b"".join(self._waiting)
            cut = len(message) - len(message) % _FRAGMENT
            self._compress(memoryview(message)[:cut])
            self._waiting, self._waiting_size = [message[cut:]], len(message) - cut

    def done(self) -> bytes:
        """The block; to be written to no more."""
        self._compress(b"".join(self._waiting))
        return varint(self._size) + b"".join(self._elements)

    def _compress(self, message: bytes | memoryview) -> None:
        self._size += len(message)
        block = bytes(cramjam.snappy.compress_raw(message))
        self._elements.append(block[len(varint(len(message))) :])


def compressed(message: bytes) -> bytes:
    """As the body of a POST: a snappy block."""
    return bytes(cramjam.snappy.compress_raw(message))


def decompressed(body: bytes) -> bytes:
    return bytes(cramjam.snappy.decompress_raw(body))


# Requests.


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
    requests = _Requests(max_samples, max_bytes)
    for group in by_rows(with_exemplars_built(families) if exemplars else families):
        columns = columns_of(group)
        for rows in row_frames(columns) if columns else ():
            yield from requests.add_rows(rows)
        for _, series in () if columns else one_by_one(group):
            yield from requests.add(series_frame(series, exemplars=exemplars))
    yield from requests.rest()


def encode_metadata(
    families: Iterable[Family], max_metadata: int, max_bytes: float = math.inf
) -> Iterator[Request]:
    """Requests with type, help and unit of ``families`` and no samples: 1.0 sends them apart.

    None has more than ``max_metadata`` families, or than ``max_bytes``; see ``encode``.
    """
    requests = _Requests(max_metadata, max_bytes)
    for family in families:
        yield from map(_without_samples, requests.add((_metadata(family), 1, 0)))
    yield from map(_without_samples, requests.rest())


def _metadata(family: Family) -> bytes:
    message = b"\x08" + varint(TYPE_NUMBERS[family.type]) + string(0x12, family.heading)
    message += string(0x22, family.help) if family.help else b""
    message += string(0x2A, family.unit) if family.unit else b""
    return field(0x1A, message)


def _without_samples(request: Request) -> Request:
    return replace(request, samples=0)


def _request(frames: Sequence[Frame]) -> Request:
    body = compressed(b"".join([data for data, _, _ in frames]))
    samples = sum([count for _, count, _ in frames])
    return Request(body, samples, len(frames), max([newest for _, _, newest in frames]))


class _Draft:
    """A request that is being written, until there is something that it does not take."""

    def __init__(self, max_samples: int, max_bytes: float) -> None:
        self._samples_left = max_samples
        self._bytes_left = max_bytes
        self._samples = 0
        self._series = 0
        self._times: set[int] = set()
        self._block = _Block()

    @property
    def is_empty(self) -> bool:
        return not self._series

    def takes(self, frame: Frame) -> bool:
        """Whether it is in it now: the first always is, another if there is room."""
        data, samples, newest = frame
        if self._series and (samples > self._samples_left or len(data) > self._bytes_left):
            return False
        self._block.write([data], len(data))
        self._count(len(data), samples, 1, newest)
        return True

    def take_rows(self, rows: RowFrames, start: int) -> int:
        """Write as many whole ``rows`` as there is room for, from ``start`` on; where they end."""
        by_bytes = bisect_right(rows.ends, rows.ends[start] + self._bytes_left) - 1
        stop = max(start, min(by_bytes, start + self._samples_left // rows.width))
        if stop > start:
            for pieces, size in rows.parts(start, stop, _FRAGMENT):
                self._block.write(pieces, size)
            series = (stop - start) * rows.width
            self._count(
                rows.ends[stop] - rows.ends[start], series, series, rows.newest(start, stop)
            )
        return stop

    def _count(self, size: int, samples: int, series: int, newest: int) -> None:
        self._bytes_left -= size
        self._samples_left -= samples
        self._samples += samples
        self._series += series
        self._times.add(newest)

    def request(self) -> Request:
        return Request(self._block.done(), self._samples, self._series, max(self._times))


class _Requests:
    """One draft after another: a request ends where the next series has no room."""

    def __init__(self, max_samples: int, max_bytes: float) -> None:
        self._limits = (max_samples, max_bytes)
        self._draft = _Draft(*self._limits)

    def add(self, frame: Frame) -> Iterator[Request]:
        if not self._draft.takes(frame):
            yield self._draft.request()
            self._draft = _Draft(*self._limits)
            self._draft.takes(frame)

    def add_rows(self, rows: RowFrames) -> Iterator[Request]:
        """A row that a request ends in goes series by series, and so do rows beyond any limit."""
        at = 0
        while (at := self._draft.take_rows(rows, at)) < len(rows):
            for frame in rows.frames(at):
                yield from self.add(frame)
            at += 1

    def rest(self) -> Iterator[Request]:
        if not self._draft.is_empty:
            yield self._draft.request()
