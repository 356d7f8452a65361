"""Series one by one to the frames of remote write 1.0: any labels, any number of samples.

The plain way. What came as columns goes another (``row_frames``) and comes to the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

from otel_kubecost.exporters.encoding.protobuf import (
    field,
    fields,
    pack_double,
    string,
    varint,
)
from otel_kubecost.exporters.prometheus_remote_write.reading import sample_times
from otel_kubecost.exporters.series.model import Series, SeriesExemplar

Frame: TypeAlias = tuple[bytes, int, int]
"""An encoded ``TimeSeries`` with its tag and length, its samples, its newest time (ms)."""

_MOST = 4096
"""Labels, and times, that are remembered: a target's own are in each of its series, and the times
that a page says are those of its containers. A megabyte or two."""
_LONG = 200
"""Characters of a value that is not remembered."""


def series_frame(series: Series, *, exemplars: bool = False) -> Frame:
    samples = b"".join([_sample(value, time_field(time)) for time, value in series.samples])
    extra = b"".join([_exemplar(one) for one in series.exemplars]) if exemplars else b""
    frame = field(0x0A, label_fields(series.labels) + samples + extra)
    return frame, len(series.samples), series.samples[-1].timestamp


def frames_in(message: bytes) -> list[Frame]:
    """The frames that make up a whole ``WriteRequest``, or a part of one, of ours."""
    return [_frame(tag, payload) for tag, payload in fields(message)]


def label_fields(labels: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(
        [(_known_label if len(value) < _LONG else _label)(name, value) for name, value in labels]
    )


def _label(name: str, value: str) -> bytes:
    return field(0x0A, string(0x0A, name) + string(0x12, value))


_known_label = lru_cache(maxsize=_MOST)(_label)


def label_prefix(name: str, length: int) -> bytes:
    """What stands in ``label_fields`` before a value of so many bytes; an empty one is no label."""
    if length == 0:
        return b""
    before = string(0x0A, name) + b"\x12" + varint(length)
    return b"\x0a" + varint(len(before) + length) + before


@lru_cache(maxsize=_MOST)
def time_field(milliseconds: int) -> bytes:
    return b"\x10" + varint(milliseconds)


def _sample(value: float, time: bytes) -> bytes:
    # 0.0 is written out too: an empty message for a sample would be legal and is often misread.
    return field(0x12, b"\x09" + pack_double(value) + time)


def _exemplar(exemplar: SeriesExemplar) -> bytes:
    sample = b"\x11" + pack_double(exemplar.value) + b"\x18" + varint(exemplar.timestamp)
    return field(0x1A, label_fields(exemplar.labels) + sample)


def _frame(tag: int, message: bytes) -> Frame:
    times = sample_times(message) if tag == 0x0A else []
    return field(tag, message), len(times), max(times, default=0)
