"""Requests of remote write 2.0 read back: those of ``codec_v2``, not just any.

It relies on what that writes: symbols first, every field there, in the order of its number.
"""

from __future__ import annotations

from collections.abc import Sequence

from otel_kubecost.exporters.encoding.protobuf import (
    fields,
    read_int64,
    read_varint,
    unpack_double,
)
from otel_kubecost.exporters.prometheus_remote_write.codec import TYPE_NUMBERS
from otel_kubecost.exporters.series.model import Family, Sample, Series, SeriesExemplar

_TYPES = {number: kind for kind, number in TYPE_NUMBERS.items()}


def read(plain: bytes) -> list[Family]:
    """The series of a request without its compression, in their order, each as a family alone."""
    symbols: list[str] = []
    families: list[Family] = []
    for tag, message in fields(plain):
        if tag == 0x22:
            symbols.append(message.decode())
        else:
            families.append(_family(message, symbols))
    return families


def _family(message: bytes, symbols: Sequence[str]) -> Family:
    parts = list(fields(message))
    labels = _labels(parts[0][1], symbols)
    times = [_sample(part) for tag, part in parts if tag == 0x12]
    exemplars = tuple(_exemplar(part, symbols) for tag, part in parts if tag == 0x22)
    samples = tuple(sample for sample, _ in times)
    series = Series(labels, samples, exemplars, max(start for _, start in times))
    kind, about, unit = _metadata(parts[-1][1])
    name = dict(labels).get("__name__", "")
    return Family(name, _TYPES[kind], [series], symbols[about], symbols[unit])


def _labels(refs: bytes, symbols: Sequence[str]) -> tuple[tuple[str, str], ...]:
    texts: list[str] = []
    at = 0
    while at < len(refs):
        number, at = read_varint(refs, at)
        texts.append(symbols[number])
    return tuple(zip(texts[::2], texts[1::2], strict=True))


def _sample(message: bytes) -> tuple[Sample, int]:
    """A sample and its start; 0 where it has none."""
    time, at = read_int64(message, 10)
    start, _ = read_int64(message, at + 1) if at < len(message) else (0, at)
    return Sample(time, unpack_double(message[1:9])), start


def _exemplar(message: bytes, symbols: Sequence[str]) -> SeriesExemplar:
    size, at = read_varint(message, 1)
    labels, at = _labels(message[at : at + size], symbols), at + size
    time, _ = read_int64(message, at + 10)
    return SeriesExemplar(labels, time, unpack_double(message[at + 1 : at + 9]))


def _metadata(message: bytes) -> tuple[int, int, int]:
    """Type, and the numbers of help and unit."""
    kind, at = read_varint(message, 1)
    about, at = read_varint(message, at + 1)
    unit, _ = read_varint(message, at + 1)
    return kind, about, unit
