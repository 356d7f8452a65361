"""Attributes to the bytes of OTLP (opentelemetry-proto, common/v1; tag bytes in hexadecimal).

    KeyValue    0a len key   12 len AnyValue
    AnyValue    0a len text   10 bool   18 int64   21 float64   2a len ArrayValue
                32 len KeyValueList   3a len bytes

What AnyValue has no place for, an integer of more than 64 bits for one, is written as text
(specification, "Mapping arbitrary data to OTLP AnyValue").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from otel_kubecost.exporters.encoding.protobuf import field, pack_double, string, varint


def attributes(tag: int, given: Mapping[str, object] | None) -> bytes:
    """``given`` in its order, each with ``tag``."""
    pairs = [field(tag, _key_value(key, value)) for key, value in (given or {}).items()]
    return b"".join(pairs)


def attribute_prefix(tag: int, key: str, length: int) -> bytes:
    """What stands in ``attributes`` before a text of so many bytes."""
    text = b"\x0a" + varint(length)
    before = string(0x0A, key) + b"\x12" + varint(len(text) + length) + text
    return bytes((tag,)) + varint(len(before) + length) + before


def _key_value(key: str, value: object) -> bytes:
    return string(0x0A, key) + field(0x12, _any_value(value))


def _any_value(value: object) -> bytes:
    match value:
        case None:
            return b""
        case str():
            return string(0x0A, value)
        case bool():
            return b"\x10" + varint(value)
        case int() if -(2**63) <= value < 2**63:
            return b"\x18" + varint(value)
        case float():
            return b"\x21" + pack_double(value)
    return _sized(value)


def _sized(value: object) -> bytes:
    match value:
        case bytes():
            return field(0x3A, value)
        case Sequence():
            return field(0x2A, b"".join([field(0x0A, _any_value(one)) for one in value]))
        case Mapping():
            pairs = [field(0x0A, _key_value(str(key), one)) for key, one in value.items()]
            return field(0x32, b"".join(pairs))
    return string(0x0A, str(value))
