"""Whether sqlite's write-ahead log has lost commits (sqlite.org/fileformat2.html, part 4) [I/O].

Sqlite reads a log up to the first frame whose checksum is wrong: there a crash cut it short. It
says no more than that where a disk has lost a frame. But a commit that is in the log from there on
was written once, and somebody was told so.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeAlias

_MAGIC = 0x377F0682
"""The last bit says that words are big endian in checksums."""
_HEADER, _FRAME = 32, 24

Checksum: TypeAlias = tuple[int, int]


class _Frame(NamedTuple):
    """One page of a commit."""

    ends_commit: bool
    salts: tuple[int, int]
    """Those of the header, unless it is left over from what the log was before."""
    checksum: Checksum
    summed: bytes
    """What that is the checksum of, with all that comes before."""


def has_lost_commits(log: Path) -> bool:
    """Raises OSError. Nobody may be writing to it."""
    data = b""
    with suppress(FileNotFoundError):
        data = log.read_bytes()
    if len(data) <= _HEADER:
        return False
    magic, _, page, _, *salts, first, second = struct.unpack(">8I", data[:_HEADER])
    order = ">" if magic & 1 else "<"
    so_far = _checksum(data[: _HEADER - 8], (0, 0), order)
    is_good = magic & ~1 == _MAGIC and so_far == (first, second)
    if not is_good:
        return True
    for frame in _frames(data, page):
        is_of_this_log = frame.salts == tuple(salts)
        so_far = _checksum(frame.summed, so_far, order)
        is_good = is_good and is_of_this_log and so_far == frame.checksum
        if not is_good and is_of_this_log and frame.ends_commit:
            return True
    return False


def _frames(data: bytes, page: int) -> Iterator[_Frame]:
    size = _FRAME + page
    for at in range(_HEADER, len(data) - size + 1, size):
        head, content = data[at : at + _FRAME], data[at + _FRAME : at + size]
        _, pages, *salts, first, second = struct.unpack(">6I", head)
        yield _Frame(pages > 0, (salts[0], salts[1]), (first, second), head[:8] + content)


def _checksum(data: bytes, before: Checksum, order: str) -> Checksum:
    one, other = before
    for first, second in struct.iter_unpack(f"{order}II", data):
        one = (one + first + other) & 0xFFFFFFFF
        other = (other + second + one) & 0xFFFFFFFF
    return one, other
