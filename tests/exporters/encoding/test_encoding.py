"""What both encoders share: fields of messages, and rows of columns in pieces."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.exporters.encoding.protobuf import all_fields, field, fields, varint
from otel_kubecost.exporters.encoding.row_pieces import RowPieces
from otel_kubecost.pdata import StringColumn

TEXTS = st.sampled_from(["", "a", "é"]) | st.text(st.characters(exclude_categories=["Cs"]))
TAGS = st.integers(1, 15)
WHOLE = st.one_of(
    st.builds(lambda number, payload: field(number << 3 | 2, payload), TAGS, st.binary()),
    st.builds(lambda number, value: bytes((number << 3,)) + varint(value), TAGS,
              st.integers(-(2**63), 2**64 - 1)),
    st.builds(lambda number, eight: bytes((number << 3 | 1,)) + eight, TAGS,
              st.binary(min_size=8, max_size=8)),
)  # fmt: skip


@given(st.lists(WHOLE, max_size=5))
def test_a_message_falls_into_its_fields(wholes):
    """Each as it stands there, whatever its wire type; those with a length by both ways."""
    message = b"".join(wholes)
    found = list(all_fields(message))
    assert [one.whole for one in found] == wholes
    sized = [(one.tag, one.payload) for one in found if one.tag & 7 == 2]
    assert sized == list(fields(message))


@pytest.mark.parametrize("broken", [b"\x0a", b"\x0a\xff", b"\x08\x80"])
def test_a_message_that_breaks_off_is_told(broken):
    """A foreign message may be anything, and is never taken for a whole one."""
    with pytest.raises(IndexError):
        list(all_fields(broken))


def before(name, length):
    return f"<{name} {length}>".encode()


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=12), st.data())
def test_each_row_has_its_pairs(rows, data):
    """Constants and columns of few or many values, in their order, of any rows."""
    first, second = (StringColumn.of(column) for column in zip(*rows, strict=True))
    pairs = [("a", "one"), ("b", first), ("c", "é"), ("d", ""), ("e", second)]
    places = data.draw(st.lists(st.integers(0, len(rows) - 1), unique=True).map(sorted))
    plain = [
        b"".join(
            before(name, len(text.encode())) + text.encode()
            for name, text in (("a", "one"), ("b", b), ("c", "é"), ("d", ""), ("e", e))
        )
        + b"."
        for b, e in (rows[place] for place in places)
    ]
    assert RowPieces(pairs, before, b".").of(array("I", places)) == plain


@pytest.mark.parametrize("count", [1, 9])
def test_half_a_surrogate_pair_costs_no_row(count):
    """It is no text; the other rows, and the rest of its value, are worth more."""
    column = StringColumn.of(["a\ud800"] * count + ["b"])
    rows = RowPieces([("k", column)], before).of(range(count + 1))
    assert rows == [b"<k 2>a?"] * count + [b"<k 1>b"]


def test_rows_without_a_column_are_all_the_same():
    """A table may have no key at all."""
    assert RowPieces([("a", "x")], before).of(range(2)) == [b"<a 1>x"] * 2
