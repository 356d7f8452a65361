from __future__ import annotations

import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.http.decoding import capped, decoded
from otel_kubecost.http.failure import HTTPFailure

PIECE = 64 * 1024


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(
    parts=st.lists(st.binary(max_size=200).map(lambda text: text * 700), min_size=1, max_size=3),
    size=st.integers(1, 5000),
)
def test_gzip_comes_out_as_it_went_in(parts, size):
    """However it is cut on the way, and in however many members: the same bytes, piece by piece."""
    packed = b"".join(map(gzip.compress, parts))
    pieces = list(decoded(cut(packed, size), "gzip"))
    assert b"".join(pieces) == b"".join(parts)
    assert max(map(len, pieces), default=0) <= PIECE


@given(st.binary(max_size=500), st.integers(1, 50))
def test_no_encoding_changes_nothing(data, size):
    """Without an encoding, chunks pass as they are."""
    assert list(decoded(cut(data, size), "")) == cut(data, size)
    assert list(decoded(cut(data, size), "Identity")) == cut(data, size)


@given(st.binary(min_size=1, max_size=500), st.data())
def test_gzip_that_ends_early_is_noticed(data, draw):
    """Half a body is not a body."""
    packed = gzip.compress(data)
    end = draw.draw(st.integers(1, len(packed) - 1))
    with pytest.raises(HTTPFailure):
        list(decoded([packed[:end]], "gzip"))


@given(st.binary(min_size=1, max_size=300))
def test_garbage_never_raises_anything_else(data):
    """Any bytes either decode or are a failure."""
    with suppress(HTTPFailure):
        assert b"".join(decoded([data], "deflate")) == zlib.decompress(data)


def test_an_empty_body_needs_no_encoding():
    """An answer without a body may have a Content-Encoding all the same."""
    assert list(decoded([], "gzip")) == []


@given(st.lists(st.binary(max_size=20)), st.integers(0, 100))
def test_a_cap_lets_pass_what_it_allows(chunks, limit):
    """All chunks up to the limit come through; more is a failure, and never more than the limit."""
    kept = capped(chunks, limit, "bytes")
    if sum(map(len, chunks)) <= limit:
        assert list(kept) == chunks
        return
    passed: list[bytes] = []
    with pytest.raises(HTTPFailure) as caught:
        passed.extend(kept)
    assert (caught.value.kind, sum(map(len, passed)) <= limit) == ("too_large", True)
