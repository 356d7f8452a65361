"""Numbers, as Go's ParseFloat reads those that Prometheus lets through to it."""

import math
import struct

import pytest
from exposition_pages import NO_NUMBERS, NUMBERS
from hypothesis import example, given
from hypothesis import strategies as st

from otel_kubecost.receivers.prometheus.exposition import (
    OPENMETRICS,
    TEXT,
    ExpositionError,
    values,
)

WRITTEN = st.one_of(
    st.floats().map(repr),
    st.floats(allow_nan=False, allow_infinity=False).map("{:.9e}".format),
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=40).map(str),
    st.sampled_from(["NaN", "+Inf", "-Inf", "0", "-0", "-0.0", "1.", ".5", "+7", "1e-0", "-0,"]),
)
ALMOST = st.text("0123456789+-.eE_ \t\rinfINFaxp,", min_size=1, max_size=8)


def go(text):
    """By the rules of ParseFloat, with Python's own ``float``; None where it fails."""
    lenient = set(text) & set("_ \t\r")
    if lenient or text.lower() in ("+nan", "-nan"):
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isinf(value) and "i" not in text.lower() else value


def bits(number):
    return 0x7FF8000000000001 if math.isnan(number) else struct.pack("<d", number)


def one_by_one(texts):
    found = [go(text) for text in texts]
    return None if None in found else found


def all_at_once(texts):
    try:
        return values([text.encode() for text in texts])
    except ExpositionError:
        return None


@given(st.one_of(st.lists(WRITTEN), st.lists(ALMOST, max_size=3)))
def test_all_at_once_is_one_by_one(texts):
    """However many are read at once, each is the float that it is alone, or all of it fails."""
    found, expected = all_at_once(texts), one_by_one(texts)
    assert (found is None) == (expected is None)
    assert list(map(bits, found or ())) == list(map(bits, expected or ()))


@given(ALMOST)
def test_what_a_line_takes_for_a_number_is_one(text):
    """A line's own idea of numbers is that of ``values``, but for those that are too large."""
    try:
        is_cut = TEXT.cut(b"foo " + text.encode()).value == text.encode()
    except ExpositionError:
        is_cut = False
    assert is_cut >= (go(text) is not None)
    if is_cut and go(text) is None:
        assert math.isinf(float(text))


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_are_read(text):
    """Among others of the same page, in each spelling that Go knows."""
    found = values([b"1.5", text.encode(), b"2"])
    assert list(map(bits, found)) == [bits(1.5), bits(go(text)), bits(2)]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_quoted(text):
    """The error is about the one that is none."""
    with pytest.raises(ExpositionError) as caught:
        values([b"1.5", text.encode(), b"2"])
    assert f"{text!r}" in str(caught.value)


@pytest.mark.parametrize("text", [b"NaN", b"nan", b"NAN"])
def test_nan_is_the_one_of_ordinary_samples(text):
    """Its bits tell it from the mark of a stale series."""
    for beside in (b"1", b"+Inf", b"1."):
        found = values([beside, text])
        assert found.tobytes()[8:] == (0x7FF8000000000001).to_bytes(8, "little")


@given(st.lists(st.integers(0, 2**63 - 1).map(str), min_size=1))
@example(["0", "0" * 5000, "0009223372036854775807"])
def test_times_of_text_are_milliseconds(texts):
    """Many at once are what they are one by one, and what they say."""
    written = [text.encode() for text in texts]
    assert (
        list(TEXT.times(written))
        == list(map(TEXT.time, written))
        == [int(text.lstrip("0") or "0") for text in texts]
    )


@pytest.mark.parametrize("text", [b"9223372036854775808", b"9" * 5000, b"", b"-1", b"x", b"1_0"])
def test_times_of_text_have_64_bits(text):
    """What is later fails the page, as in Go, and what is no time."""
    for read in (TEXT.time, lambda text: TEXT.times([b"1", text])):
        with pytest.raises(ExpositionError, match="64 bits"):
            read(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"1520879607.789", 1520879607789),
        (b"1.520879607789e9", 1520879607789),
        (b"1520879607.9999", 1520879607999),
        (b"-1.5", -1500),
        (b"-0.0019", -1),
        (b"0", 0),
        (b"1e300", -(2**63)),
        (b"-1e300", -(2**63)),
        (b"9223372036854775.808", -(2**63)),
    ],
)
def test_times_of_openmetrics_are_seconds(text, expected):
    """They are cut to milliseconds; what no integer holds is as in Go: out of all bounds."""
    assert OPENMETRICS.time(text) == OPENMETRICS.times([text])[0] == expected


@pytest.mark.parametrize("text", [b"NaN", b"+Inf", b"-inf", b"x"])
def test_times_of_openmetrics_are_finite(text):
    """As in Prometheus."""
    for read in (OPENMETRICS.time, lambda text: OPENMETRICS.times([b"1", text])):
        with pytest.raises(ExpositionError, match="cannot read"):
            read(text)
