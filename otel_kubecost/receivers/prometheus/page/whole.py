"""Long families come in several blocks; no histogram and no summary is cut in two by that.

block                              block, as it is handed on
wait_count{q="a"} 5                wait_count{q="a"} 5
wait_bucket{q="b",le="1"} 3
(the next one, without comments)   (the next one)
wait_bucket{q="b",le="+Inf"} 5     wait_bucket{q="b",le="1"} 3
wait_sum{q="b"} 0.9                wait_bucket{q="b",le="+Inf"} 5
wait_count{q="b"} 5                wait_sum{q="b"} 0.9
                                   wait_count{q="b"} 5
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otel_kubecost.receivers.prometheus.exposition import Block

_BOUND = b'le="'
"""A label of buckets, and the end of ``quantile``."""

_MOST = 200
"""Lines that one histogram may have."""


def whole(blocks: Iterable[Block]) -> Iterator[Block]:
    """``blocks`` with the unfinished end of each at the beginning of the one that continues it."""
    held: Block | None = None
    for block in blocks:
        following = block
        if held is not None:
            unfinished = 0 if block.comments else _unfinished(held.lines)
            finished = len(held.lines) - unfinished
            following = Block(block.comments, held.lines[finished:] + block.lines)
            yield Block(held.comments, held.lines[:finished])
        held = following
    if held is not None:
        yield held


def _unfinished(lines: list[bytes]) -> int:
    """How many lines there are behind the last ``_count``, if they are of one that has one."""
    if not lines or not (_BOUND in lines[-1] or _name(lines[-1]).endswith(b"_sum")):
        return 0
    for number, line in enumerate(reversed(lines[-_MOST:])):
        if _name(line).endswith(b"_count"):
            return number
    return 0


def _name(line: bytes) -> bytes:
    return line.partition(b"{")[0].partition(b" ")[0]
