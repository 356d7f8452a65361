"""What is in a body, by Google's and Prometheus' own means: none of how ours are written.

Messages of 1.0 are read with the classes of OpenTelemetry's exporter, those of 2.0 with classes
made of the specification's table of fields.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import cramjam
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.exporter.prometheus_remote_write.gen.remote_pb2 import WriteRequest

from otel_kubecost.testing.wire_v2 import TYPES, request_class

V2 = "proto=io.prometheus.write.v2.Request"
STALE = 0x7FF0000000000002
NAN = 0x7FF8000000000001
"""Prometheus' ordinary NaN."""


class Exemplar(NamedTuple):
    labels: tuple[tuple[str, str], ...]
    time: int
    value: float


class Series(NamedTuple):
    """One ``TimeSeries`` of either version."""

    labels: tuple[tuple[str, str], ...]
    """As they were sent, in their order."""
    samples: tuple[tuple[int, float], ...]
    exemplars: tuple[Exemplar, ...] = ()
    starts: tuple[int, ...] = ()
    described: tuple[str, str, str] = ("", "", "")
    """Type, help and unit, where the message has them with the series."""

    @property
    def name(self) -> str:
        return dict(self.labels).get("__name__", "")

    @property
    def key(self) -> frozenset[tuple[str, str]]:
        return frozenset(self.labels)


def bits(value: float) -> int:
    """As it was on the wire."""
    (number,) = struct.unpack("<Q", struct.pack("<d", value))
    return number


def is_stale(value: float) -> bool:
    return bits(value) == STALE


def decompressed(body: bytes) -> bytes:
    """Of snappy's block format. Raises ValueError for anything else."""
    try:
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise ValueError(f"not snappy's block format: {error}") from None


def message(body: bytes, *, in_v2: bool) -> Any:
    """Raises ValueError."""
    try:
        return (request_class() if in_v2 else WriteRequest).FromString(decompressed(body))
    except DecodeError as error:
        raise ValueError(f"not the message: {error}") from None


def unknown_fields(one: Message) -> Iterator[str]:
    """Fields that the message and those within it do not have."""
    yield from (f"{one.DESCRIPTOR.name}.{each.field_number}" for each in UnknownFieldSet(one))
    for descriptor, value in one.ListFields():
        if descriptor.message_type:
            parts = [value] if isinstance(value, Message) else value
            for part in parts:
                yield from unknown_fields(part)


def read(body: bytes, *, in_v2: bool) -> list[Series]:
    """Raises ValueError."""
    request = message(body, in_v2=in_v2)
    if in_v2:
        return [_series_v2(one, request.symbols) for one in request.timeseries]
    return [_series(one) for one in request.timeseries]


def _series(one: Any) -> Series:
    return Series(
        _labels(one.labels),
        tuple((sample.timestamp, sample.value) for sample in one.samples),
        tuple(Exemplar(_labels(each.labels), each.timestamp, each.value) for each in one.exemplars),
    )


def _labels(labels: Iterable[Any]) -> tuple[tuple[str, str], ...]:
    return tuple((label.name, label.value) for label in labels)


def _series_v2(one: Any, symbols: Any) -> Series:
    about = one.metadata
    return Series(
        _pairs(one.labels_refs, symbols),
        tuple((sample.timestamp, sample.value) for sample in one.samples),
        tuple(
            Exemplar(_pairs(each.labels_refs, symbols), each.timestamp, each.value)
            for each in one.exemplars
        ),
        tuple(sample.start_timestamp for sample in one.samples),
        (TYPES[about.type], symbols[about.help_ref], symbols[about.unit_ref]),
    )


def _pairs(refs: Any, symbols: Any) -> tuple[tuple[str, str], ...]:
    texts = [symbols[ref] for ref in refs]
    return tuple(zip(texts[::2], texts[1::2], strict=True))


def written(body: bytes) -> dict[str, str]:
    """The headers of a receiver of 2.0 that has stored all that it could read."""
    try:
        series = message(body, in_v2=True).timeseries
    except ValueError:
        series = []
    counts = {
        "Samples": sum(len(one.samples) for one in series),
        "Histograms": 0,
        "Exemplars": sum(len(one.exemplars) for one in series),
    }
    return {f"X-Prometheus-Remote-Write-{name}-Written": str(n) for name, n in counts.items()}
