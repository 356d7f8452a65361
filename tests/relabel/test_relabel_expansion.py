"""Templates filled in from the groups of a match."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.relabel.expansion import GroupPattern, expand

GROUPS = GroupPattern(r"(?P<app>[a-z]+)-(?:(\d+)|(?P<1_x>x))").groups("shop-42")


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$1", "shop"),
        ("${1}", "shop"),
        ("${app}", "shop"),
        ("$app/$2", "shop/42"),
        ("$0", "shop-42"),
        ("$app_1", ""),  # the name is app_1
        ("$1_x", ""),  # the name is 1_x, whose group took no part
        ("${1}_x", "shop_x"),
        ("$3", ""),
        ("$9", ""),
        ("$01", ""),  # a number has no leading zero
        ("${nobody}.", "."),
        ("$$1", "$1"),
        ("$$$1", "$shop"),
        ("cost in $", "cost in $"),
        ("$-$1", "$-shop"),
        ("${1", "${1"),
        ("${}", "${}"),
        ("${app }", "${app }"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_variables_are_those_of_go(template, text):
    """Names are as long as they can be, ``$$`` is ``$``, and what is no variable stays."""
    assert expand(template, GROUPS) == text


def test_a_pattern_has_to_match_the_whole_text():
    """Anchored on both sides, whatever the alternatives, and a dot is any character."""
    assert GroupPattern("a|ab").groups("ab") is not None
    assert GroupPattern("a").groups("ab") is None
    assert GroupPattern("b").groups("ab") is None
    assert GroupPattern("(.*)").groups("two\nlines")["1"] == "two\nlines"
    assert GroupPattern("").groups("") == {"0": ""}


@given(st.text(string.ascii_letters + "$é_-{}", max_size=30).filter(lambda text: "$" not in text))
def test_a_template_without_a_dollar_is_its_own_expansion(template):
    """Braces and letters mean nothing by themselves."""
    assert expand(template, {"1": "x"}) == template


@given(st.text(max_size=30))
def test_a_template_with_every_dollar_doubled_is_the_text(text):
    """``$$`` escapes whatever follows."""
    assert expand(text.replace("$", "$$"), {"1": "x"}) == text


@given(st.text(max_size=30), st.text(max_size=30))
def test_what_a_group_matched_is_not_expanded_again(before, value):
    """A value with a dollar in it goes into a label as it is."""
    text = before.replace("$", "$$") + "${1}"
    assert expand(text, {"1": value}) == before + value
