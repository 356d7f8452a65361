"""What an encoded point says: requests that are split or logged are read back (see ``codec``)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from otel_kubecost.exporters.encoding.protobuf import (
    all_fields,
    fields,
    read_int64,
    unpack_double,
    unpack_fixed64,
)
from otel_kubecost.exporters.otlp_http.message import EXPONENTIAL, HISTOGRAM, Part
from otel_kubecost.http.excerpt import printable

_SHOWN_LENGTH = 1000
"""Characters of a point in a log."""
_ATTRIBUTES = {HISTOGRAM: 0x4A, EXPONENTIAL: 0x0A}
"""By the kind of a metric the tag of a point's attributes; of all others it is 3a."""


def newest_of(point: bytes) -> int:
    """The time of an encoded point with tag and length, in milliseconds."""
    ((_, content),) = fields(point)
    time = next((one.payload for one in all_fields(content) if one.tag == 0x19), bytes(8))
    return unpack_fixed64(time) // 1_000_000


def shown(part: Part) -> str:
    """Its first point, with the resource's attributes; bounded and fit for a log."""
    name = dict(fields(part.head.metric)).get(0x0A, b"").decode("utf-8", "replace")
    (_, resource), *_ = fields(part.head.resource)
    ((_, point),) = fields(part.points[0])
    own = _attributes(point, _ATTRIBUTES.get(part.head.kind, 0x3A))
    pairs = [*_attributes(resource, 0x0A), *own]
    return printable(f"{name}{{{', '.join(pairs)}}}")[:_SHOWN_LENGTH]


def _attributes(message: bytes, tag: int) -> Iterator[str]:
    for found, pair in fields(message):
        if found == tag:
            content = dict(fields(pair))
            key = content.get(0x0A, b"").decode("utf-8", "replace")
            yield f"{key}={_value(content.get(0x12, b''))}"


def _value(message: bytes) -> str:
    """What has parts of its own is not shown."""
    for tag, payload, _ in all_fields(message):
        if tag == 0x0A:
            return json.dumps(payload.decode("utf-8", "replace"), ensure_ascii=False)
        if tag == 0x10:
            return "true" if payload == b"\x01" else "false"
        if tag == 0x18:
            return str(read_int64(payload, 0)[0])
        if tag == 0x21:
            return str(unpack_double(payload))
    return "..."
