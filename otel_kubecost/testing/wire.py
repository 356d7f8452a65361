"""What a remote write 1.0 request has to be, and every way in which one is not. Pure.

Sources: the Prometheus Remote-Write 1.0 specification; Thanos ``labelpb.ValidateLabels`` for
labels. Where receivers are lenient (headers that none reads, labels that Prometheus mis-indexes)
the specification is kept.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cramjam
from google.protobuf.message import DecodeError
from opentelemetry.exporter.prometheus_remote_write.gen.remote_pb2 import (  # type: ignore[attr-defined]  # made at run time
    WriteRequest,
)

from otel_kubecost.testing.exchange import Request

LabelPairs: TypeAlias = tuple[tuple[str, str], ...]
"""Name and value pairs as they were sent, with ``__name__`` among them."""
Point: TypeAlias = tuple[int, float]
"""Milliseconds since the epoch, and the value."""

STALE_BITS = 0x7FF0000000000002
"""The NaN that says: this series has ended."""


def is_stale(value: float) -> bool:
    """Whether ``value`` is the stale marker. Any other NaN is a value."""
    bits: int = struct.unpack("<Q", struct.pack("<d", value))[0]
    return bits == STALE_BITS


@dataclass(frozen=True, slots=True)
class SentSeries:
    """One ``TimeSeries`` of a request."""

    labels: LabelPairs
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """A decoded ``WriteRequest``."""

    series: tuple[SentSeries, ...]
    metadata: tuple[str, ...] = ()
    """Names of the families that it describes."""


_HEADERS = {
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_CONTENT_TYPES = {"application/x-protobuf", "application/x-protobuf;proto=prometheus.writerequest"}
_PRODUCT = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/\S+.*")


def header_faults(request: Request) -> Iterator[str]:
    """What is wrong around the body."""
    headers = request.headers
    if "Transfer-Encoding" in headers or "Content-Length" not in headers:
        yield "body without Content-Length (chunked); CloudTuner answers that with 503"
    for name, wanted in _HEADERS.items():
        if headers.get(name) != wanted:
            yield f"header {name} is {headers.get(name)!r}, not {wanted!r}"
    kind = headers.get("Content-Type", "").replace(" ", "").lower()
    if kind not in _CONTENT_TYPES:
        yield f"header Content-Type is {kind!r}, not 'application/x-protobuf'"
    if not _PRODUCT.fullmatch(headers.get("User-Agent", "")):
        yield f"header User-Agent is {headers.get('User-Agent')!r}, not <name>/<version>"


_FRAMED = b"\xff\x06\x00\x00sNaPpY"


def decode(body: bytes) -> Message:
    """The message of a body. Raises ValueError, saying what it is not."""
    if body.startswith(_FRAMED):
        raise ValueError("body is snappy's framed format, not its block format")
    try:
        plain = bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise ValueError(f"body is not snappy block format: {error}") from None
    try:
        message = WriteRequest.FromString(plain)
    except DecodeError as error:
        raise ValueError(f"body is not a prometheus.WriteRequest: {error}") from None
    return Message(
        tuple(map(_series, message.timeseries)),
        tuple(entry.metric_family_name for entry in message.metadata),
    )


def _series(message: Any) -> SentSeries:
    return SentSeries(
        tuple((label.name, label.value) for label in message.labels),
        tuple((sample.timestamp, sample.value) for sample in message.samples),
    )


def message_faults(message: Message, now_ms: float) -> Iterator[str]:
    """What is wrong with the series; ``now_ms`` is the receiver's time, which none may pass."""
    if not message.series and not message.metadata:
        yield "request with nothing in it, or remote write 2.0, which 1.0 receivers drop silently"
    for series in message.series:
        shown = show(series.labels)
        for fault in (*label_faults(series.labels), *_point_faults(series.points, now_ms)):
            yield f"{fault} in {shown}"
    yield from _repetitions(message.series)


_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


def label_faults(labels: LabelPairs) -> Iterator[str]:
    """What is wrong with the labels of one series."""
    names = [name for name, _ in labels]
    if names != sorted(names, key=str.encode):
        yield "labels are not sorted by name"
    if len(set(names)) != len(names):
        yield "label name is repeated"
    if not _METRIC_NAME.fullmatch(dict(labels).get("__name__", "")):
        yield "metric name is missing or invalid"
    for name, value in labels:
        if not _LABEL_NAME.fullmatch(name):
            yield f"label name {name!r} is invalid"
        if not value:
            yield f"label {name!r} has an empty value"


def _point_faults(points: Sequence[Point], now_ms: float) -> Iterator[str]:
    times = [at for at, _ in points]
    if not times:
        yield "series without a sample"
    if times != sorted(set(times)):
        yield "timestamps are not ascending"
    if times and max(times) > now_ms:
        yield f"timestamp {max(times)} lies {max(times) - now_ms:.0f} ms ahead of the receiver"


def _repetitions(series: Sequence[SentSeries]) -> Iterator[str]:
    """Series may stand in a request more than once; their samples may not."""
    seen: set[tuple[LabelPairs, int]] = set()
    for one in series:
        for at, _ in one.points:
            if (one.labels, at) in seen:
                yield f"sample of {at} is twice in the request in {show(one.labels)}"
            seen.add((one.labels, at))


def show(labels: LabelPairs) -> str:
    """Labels as PromQL writes them."""
    rest = ", ".join(f'{name}="{value}"' for name, value in labels if name != "__name__")
    return f"{dict(labels).get('__name__', '')}{{{rest}}}"
