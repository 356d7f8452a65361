"""What a remote write 1.0 request has to be, and every way in which one is not. Pure.

The rules for labels and samples are those of 2.0 as well; ``wire_v2`` has the others.

Sources: the Prometheus Remote-Write 1.0 specification; Thanos ``labelpb.ValidateLabels`` for
labels. Where receivers are lenient (headers that none reads, labels that Prometheus mis-indexes)
the specification is kept.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

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


class SentExemplar(NamedTuple):
    labels: LabelPairs
    timestamp: int
    """Milliseconds since the epoch."""
    value: float


class Described(NamedTuple):
    """Metadata of one series."""

    type: str
    """``counter``, ``gauge`` and so on; ``unspecified`` where nothing is said."""
    help: str
    unit: str


@dataclass(frozen=True, slots=True)
class SentSeries:
    """One ``TimeSeries`` of a request."""

    labels: LabelPairs
    points: tuple[Point, ...]
    exemplars: tuple[SentExemplar, ...] = ()
    starts: tuple[int, ...] = ()
    """Remote write 2.0: for each point since when it counts, in milliseconds; 0 is not known."""
    described: Described | None = None
    """Remote write 2.0 alone."""


@dataclass(frozen=True, slots=True)
class Message:
    """A decoded request of either version."""

    series: tuple[SentSeries, ...]
    metadata: tuple[str, ...] = ()
    """Names of the families that it describes, of 1.0."""


_CONTENT_TYPE = "application/x-protobuf"
_CONTENT_TYPES = {
    "0.1.0": {_CONTENT_TYPE, f"{_CONTENT_TYPE};proto=prometheus.writerequest"},
    "2.0.0": {f"{_CONTENT_TYPE};proto=io.prometheus.write.v2.request"},
}
"""By the version of the protocol."""
_PRODUCT = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/\S+.*")


def content_type(request: Request) -> str:
    return request.headers.get("Content-Type", "").replace(" ", "").lower()


def is_v2(request: Request) -> bool:
    """Whether its content type, by which a receiver MUST go, names the message of 2.0."""
    return content_type(request) in _CONTENT_TYPES["2.0.0"]


def header_faults(request: Request, version: str = "0.1.0") -> Iterator[str]:
    """What is wrong around the body of a request of that version."""
    headers = request.headers
    wanted_headers = {
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": version,
    }
    if "Transfer-Encoding" in headers or "Content-Length" not in headers:
        yield "body without Content-Length (chunked); CloudTuner answers that with 503"
    for name, wanted in wanted_headers.items():
        if headers.get(name) != wanted:
            yield f"header {name} is {headers.get(name)!r}, not {wanted!r}"
    kind = content_type(request)
    if kind not in _CONTENT_TYPES[version]:
        yield f"header Content-Type is {kind!r}, not 'application/x-protobuf'"
    if not _PRODUCT.fullmatch(headers.get("User-Agent", "")):
        yield f"header User-Agent is {headers.get('User-Agent')!r}, not <name>/<version>"


_FRAMED = b"\xff\x06\x00\x00sNaPpY"


def decompressed(body: bytes) -> bytes:
    """What a body holds. Raises ValueError where it is not in snappy's block format."""
    if body.startswith(_FRAMED):
        raise ValueError("body is snappy's framed format, not its block format")
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise ValueError(f"body is not snappy block format: {error}") from None


def decode(body: bytes) -> Message:
    """The message of a body. Raises ValueError, saying what it is not."""
    try:
        message = WriteRequest.FromString(decompressed(body))
    except DecodeError as error:
        raise ValueError(f"body is not a prometheus.WriteRequest: {error}") from None
    return Message(
        tuple(map(_series, message.timeseries)),
        tuple(entry.metric_family_name for entry in message.metadata),
    )


def _series(message: Any) -> SentSeries:
    return SentSeries(
        _labels(message.labels),
        tuple((sample.timestamp, sample.value) for sample in message.samples),
        tuple(
            SentExemplar(_labels(exemplar.labels), exemplar.timestamp, exemplar.value)
            for exemplar in message.exemplars
        ),
    )


def _labels(labels: Any) -> LabelPairs:
    return tuple((label.name, label.value) for label in labels)


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
