"""What a scraper wrote of its targets, without making messages of it.

A series is known by the bytes of its labels, which both senders write in the same order. Its course
is the numbers that it had, one after another; a page that stays what it is adds nothing to it, so
courses do not depend on when a sender was stopped.

    request      0a <length> series ... [1a <length> metadata ...]
    series       (0a <length> label) ... 12 <length> sample
    sample       [09 <8 bytes>] 10 <6 bytes>             no value where it is 0
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import cramjam

Courses: TypeAlias = Mapping[int, int]
"""By a hash of the labels a hash of the numbers; both are of this process alone."""

_SERIES = 0x0A
_WITH_VALUE, _WITHOUT = b"\x12\x10\x09", b"\x12\x07\x10"
_ZERO = bytes(8)
_OF_THE_CLOCK = b"\x17scrape_duration_seconds"


class Comparison(NamedTuple):
    alike: int
    lacking: int
    """Series that one of the two has not."""
    different: int
    """Series of both, with other numbers."""


def compare(ours: Courses, theirs: Courses) -> Comparison:
    common = ours.keys() & theirs.keys()
    alike = sum(ours[key] == theirs[key] for key in common)
    return Comparison(alike, len(ours.keys() ^ theirs.keys()), len(common) - alike)


def courses(joined: bytes, job: str) -> Courses:
    """Of the series of ``job`` in requests, as the receiver gives them (4 bytes length, body)."""
    of_job = b"\x0a\x03job\x12" + bytes([len(job)]) + job.encode()
    last: dict[int, bytes] = {}
    found: dict[int, int] = {}
    for labels, value in _samples(_bodies(joined)):
        if of_job not in labels or _OF_THE_CLOCK in labels:
            continue
        key = hash(labels)
        if last.get(key) != value:
            last[key] = value
            found[key] = hash((found.get(key), value))
    return found


def _samples(bodies: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Labels and value."""
    for body in bodies:
        for series in _series(bytes(cramjam.snappy.decompress_raw(body))):
            if series[-18:-15] == _WITH_VALUE:
                yield series[:-18], series[-15:-7]
            elif series[-9:-6] == _WITHOUT:
                yield series[:-9], _ZERO
            else:
                raise ValueError(f"a series that does not end with its only sample: {series!r}")


def _series(message: bytes) -> Iterator[bytes]:
    """Metadata, the other field, is passed over."""
    at = 0
    while at < len(message):
        tag, length, shift, more = message[at], 0, 0, True
        while more:
            at += 1
            more = message[at] > 127
            length |= (message[at] & 127) << shift
            shift += 7
        at += 1
        if tag == _SERIES:
            yield message[at : at + length]
        at += length


def _bodies(joined: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(joined):
        end = at + 4 + int.from_bytes(joined[at : at + 4], "big")
        yield joined[at + 4 : end]
        at = end
