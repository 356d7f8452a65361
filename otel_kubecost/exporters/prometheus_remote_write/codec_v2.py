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

from otel_kubecost.exporters.encoding.halving import middle
from otel_kubecost.exporters.prometheus_remote_write.codec import (
    Request,
    compressed,
    decompressed,
    encode,
)
from otel_kubecost.exporters.prometheus_remote_write.frames import series_frame
from otel_kubecost.exporters.prometheus_remote_write.frames_v2 import (
    Cell,
    Layout,
    cells_of,
    series_frame_v2,
)
from otel_kubecost.exporters.prometheus_remote_write.reading import shown
from otel_kubecost.exporters.prometheus_remote_write.reading_v2 import read
from otel_kubecost.exporters.prometheus_remote_write.rows import (
    by_rows,
    columns_of,
    one_by_one,
    with_exemplars_built,
)
from otel_kubecost.exporters.prometheus_remote_write.symbols import Symbols
from otel_kubecost.exporters.series.model import Family, Series
from otel_kubecost.storage import StoredRequest

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
    for group in by_rows(with_exemplars_built(families) if exemplars else families):
        by_cells = bool(columns_of(group))
        for cell in cells_of(group) if by_cells else ():
            if not draft.takes_cell(cell):
                yield draft.request()
                draft = _Draft(max_samples, max_bytes)
                draft.takes_cell(cell)
        for family, built in () if by_cells else one_by_one(group):
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


class _Draft:
    """A request that is being written, until there is something that it does not take."""

    def __init__(self, max_samples: int, max_bytes: float) -> None:
        self._samples = 0
        self._max_samples = max_samples
        self._bytes_left = max_bytes
        self._symbols = Symbols()
        self._frames: list[bytes] = []
        self._times: set[int] = set()
        self._layouts: dict[int, Layout] = {}

    @property
    def is_empty(self) -> bool:
        return not self._frames

    def takes_cell(self, cell: Cell) -> bool:
        """Whether the series is in it now: the first always is, another if there is room."""
        symbols_before = self._symbols.size
        layout = self._layouts.get(id(cell.columns))
        if layout is None:
            layout = Layout(cell.family, cell.columns, self._symbols)
            self._layouts[id(cell.columns)] = layout
        return self._has_room(layout.frame(cell), 1, cell.time, symbols_before)

    def takes(self, family: Family, series: Series) -> bool:
        """As ``takes_cell``."""
        symbols_before = self._symbols.size
        frame = series_frame_v2(family, series, self._symbols)
        newest = series.samples[-1].timestamp
        return self._has_room(frame, len(series.samples), newest, symbols_before)

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
