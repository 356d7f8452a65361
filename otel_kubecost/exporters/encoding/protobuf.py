"""Protocol buffers, as little of them as our requests need (protobuf.dev, "Encoding")."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from typing import NamedTuple

pack_double = struct.Struct("<d").pack
"""The eight bytes of a float64; a NaN keeps its bits."""
pack_fixed64 = struct.Struct("<Q").pack
"""The eight bytes of a fixed64."""


def double_bytes(values: array[float]) -> bytes:
    """As ``pack_double``, of all ``values`` in turn; they are memory already."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


def unpack_double(eight: bytes) -> float:
    (value,) = struct.unpack("<d", eight)
    return float(value)


def unpack_fixed64(eight: bytes) -> int:
    (value,) = struct.unpack("<Q", eight)
    return int(value)


def varint(number: int) -> bytes:
    """An int64 in base 128, low groups first."""
    if 0 <= number < 0x80:
        return bytes((number,))
    if 0 <= number < 0x4000:  # most lengths
        return bytes((number & 0x7F | 0x80, number >> 7))
    number &= 0xFFFF_FFFF_FFFF_FFFF  # a negative int64 is its two's complement in ten bytes
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def field(tag: int, payload: bytes) -> bytes:
    """A length-delimited field; ``tag`` is its number and wire type."""
    return bytes((tag,)) + varint(len(payload)) + payload


def string(tag: int, text: str) -> bytes:
    return field(tag, text.encode("utf-8", "replace"))


class Field(NamedTuple):
    """One field of a message, as it stands there."""

    tag: int
    payload: bytes
    """Without the length; of a number the bytes that it is written in."""
    whole: bytes
    """With tag and length."""


def all_fields(message: bytes) -> Iterator[Field]:
    """The fields of a message, all with numbers below 16. Raises IndexError where it breaks off."""
    at = 0
    while at < len(message):
        start, wire_type, payload = at, message[at] & 7, at + 1
        if wire_type == 1:
            at = payload + 8
        else:
            number, at = read_varint(message, payload)
            if wire_type == 2:
                payload, at = at, at + number
        yield Field(message[start], message[payload:at], message[start:at])


def fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The length-delimited fields of a message of ours; numbers beside them are passed over."""
    at = 0
    while at < len(message):
        tag, at = message[at], at + 1
        wire_type = tag & 7
        if wire_type == 1:
            at += 8
            continue
        number, at = read_varint(message, at)
        if wire_type == 2:
            yield tag, message[at : at + number]
            at += number


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    """The number at ``at`` and where the next thing starts."""
    number = shift = 0
    while message[at] >= 0x80:
        number |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return number | message[at] << shift, at + 1


def read_int64(message: bytes, at: int) -> tuple[int, int]:
    """As ``read_varint``, of a number that may be negative."""
    number, at = read_varint(message, at)
    return number - 2**64 if number >= 2**63 else number, at
