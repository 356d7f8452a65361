"""Bodies as they arrive: decoded a piece at a time, and never more than was allowed."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from otel_kubecost.http.failure import HTTPFailure

_PIECE = 64 * 1024
_WINDOW_BITS = {
    "gzip": 16 + zlib.MAX_WBITS,
    "x-gzip": 16 + zlib.MAX_WBITS,
    "deflate": zlib.MAX_WBITS,
}


def capped(chunks: Iterable[bytes], limit: int, what: str) -> Iterator[bytes]:
    """``chunks``, not more than ``limit`` bytes of them. Raises HTTPFailure beyond."""
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            hint = "ask for less: a shorter window, or fewer levels"
            raise HTTPFailure("too_large", f"the answer has more than {limit} {what}", hint)
        yield chunk


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The body that ``chunks`` are the ``Content-Encoding`` of, in pieces of 64 KiB at most.

    Raises HTTPFailure for an encoding not known, for broken data and for an early end.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return iter(chunks)
    if name not in _WINDOW_BITS:
        raise HTTPFailure("other", "the answer is in a Content-Encoding that was not asked for")
    return _inflated(chunks, _WINDOW_BITS[name])


def _inflated(chunks: Iterable[bytes], window_bits: int) -> Iterator[bytes]:
    inflater, started = zlib.decompressobj(window_bits), False
    try:
        for chunk in chunks:
            started, ahead = True, chunk
            while ahead:
                if inflater.eof:  # gzip may have several members
                    inflater = zlib.decompressobj(window_bits)
                yield from _pieces(inflater, ahead)
                ahead = inflater.unused_data
    except zlib.error:
        raise HTTPFailure("other", "the answer is not what its Content-Encoding says") from None
    if started and not inflater.eof:
        raise HTTPFailure("reset", "the compressed answer ended early")


def _pieces(inflater: zlib._Decompress, chunk: bytes) -> Iterator[bytes]:
    while piece := inflater.decompress(chunk, _PIECE):
        yield piece
        chunk = inflater.unconsumed_tail
