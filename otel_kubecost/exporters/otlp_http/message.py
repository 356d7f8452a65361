"""What is around the data points of a request (opentelemetry-proto, collector/metrics/v1).

    ExportMetricsServiceRequest
      0a len  ResourceMetrics
                0a len Resource   1a len schema URL
                12 len  ScopeMetrics
                          0a len InstrumentationScope   1a len schema URL
                          12 len  Metric
                                    0a len name   12 len description   1a len unit
                                    62 len metadata
                                    2a len Gauge, 3a Sum, 4a Histogram, 52 ExponentialHistogram,
                                       5a Summary
                                             0a len point   10 temporality   18 is monotonic

The lengths come before what they are of, so a message is put together when all of it is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from otel_kubecost.exporters.encoding.protobuf import all_fields, varint

RESOURCE_METRICS, SCOPE_METRICS, METRIC = 0x0A, 0x12, 0x12
GAUGE, SUM, HISTOGRAM, EXPONENTIAL, SUMMARY = 0x2A, 0x3A, 0x4A, 0x52, 0x5A
POINT = 0x0A

_LENGTHS = 20
"""Bytes of tags and lengths around a metric, at most, in a message below 256 MiB."""


class Head(NamedTuple):
    """What a message says of all points of a metric together: fields with tags and lengths."""

    place: tuple[int, int, int]
    """Of the resource, of the scope in it, of the metric in that."""
    resource: bytes
    scope: bytes
    metric: bytes
    kind: int
    """The tag of what has the points."""
    data: bytes
    """What that has beside them."""

    @property
    def size(self) -> int:
        """Bytes in a message that has nothing else of this resource and scope."""
        named = len(self.resource) + len(self.scope) + len(self.metric)
        return named + len(self.data) + _LENGTHS


class Part(NamedTuple):
    """A metric with points, encoded with their tags and lengths."""

    head: Head
    points: Sequence[bytes]


def message(parts: Sequence[Part]) -> list[bytes]:
    """The pieces of a message of ``parts``, which are in the order of their places."""
    found: list[bytes] = []
    for same in _together(parts, 1):
        found += _nested(RESOURCE_METRICS, _of_resource(same))
    return found


def _of_resource(parts: Sequence[Part]) -> list[bytes]:
    found = [parts[0].head.resource]
    for same in _together(parts, 2):
        found += _nested(SCOPE_METRICS, _of_scope(same))
    return found


def _of_scope(parts: Sequence[Part]) -> list[bytes]:
    found = [parts[0].head.scope]
    for head, points in parts:
        data = _nested(head.kind, [*points, head.data])
        found += _nested(METRIC, [head.metric, *data])
    return found


def _together(parts: Iterable[Part], depth: int) -> list[list[Part]]:
    return [list(same) for _, same in groupby(parts, key=lambda part: part.head.place[:depth])]


def _nested(tag: int, pieces: list[bytes]) -> list[bytes]:
    return [bytes((tag,)) + varint(sum(map(len, pieces))), *pieces]


def parts_of(message: bytes) -> list[Part]:
    """The metrics of a message of ours, point by point."""
    found: list[Part] = []
    for at, of_resource in enumerate(all_fields(message)):
        resource, scopes = _apart(of_resource.payload, SCOPE_METRICS)
        for within, of_scope in enumerate(scopes):
            scope, metrics = _apart(of_scope, METRIC)
            found += [
                _part((at, within, place), resource, scope, metric)
                for place, metric in enumerate(metrics)
            ]
    return found


def _part(place: tuple[int, int, int], resource: bytes, scope: bytes, metric: bytes) -> Part:
    *described, data = all_fields(metric)
    fields = list(all_fields(data.payload))
    points = [one.whole for one in fields if one.tag == POINT]
    beside = b"".join([one.whole for one in fields if one.tag != POINT])
    about = b"".join([one.whole for one in described])
    return Part(Head(place, resource, scope, about, data.tag, beside), points)


def _apart(message: bytes, tag: int) -> tuple[bytes, list[bytes]]:
    """The fields without ``tag`` as they stand there, and the payloads of those with it."""
    fields = list(all_fields(message))
    others = b"".join([one.whole for one in fields if one.tag != tag])
    return others, [one.payload for one in fields if one.tag == tag]
