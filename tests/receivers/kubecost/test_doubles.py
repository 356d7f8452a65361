"""Arrays that are made and looked at in one go are what they are one by one."""

import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.receivers.kubecost.doubles import are_zero, chosen, doubles

NUMBERS = st.lists(st.one_of(st.floats(), st.sampled_from([0.0, -0.0]), st.integers(-9, 9)))


@given(NUMBERS)
def test_they_are_the_same_to_the_bit(numbers):
    """NaN, infinities and the sign of zero too."""
    assert doubles(iter(numbers)).tobytes() == array("d", numbers).tobytes()


@pytest.mark.parametrize("other", [None, "1", b"1"])
def test_what_is_no_number_is_refused(other):
    """Whoever asks decides what it stands for."""
    with pytest.raises(struct.error):
        doubles([1.0, other])


@given(NUMBERS.filter(len), st.data())
def test_any_places_can_be_chosen(numbers, data):
    """None, one or many; in any order, and more than once."""
    column = array("d", numbers)
    places = data.draw(st.lists(st.integers(0, len(numbers) - 1), max_size=5))
    one_by_one = array("d", [column[place] for place in places])
    assert chosen(column, array("I", places)).tobytes() == one_by_one.tobytes()


@given(st.lists(st.sampled_from([0.0, 0.0, -0.0, 5e-324, 1.0]), max_size=4))
def test_zero_is_what_has_no_bit(numbers):
    """-0.0 has one: whoever divides has to make a zero of it."""
    assert are_zero(array("d", numbers)) == all(str(number) == "0.0" for number in numbers)
