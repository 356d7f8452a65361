"""What each action does to the labels of one series."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.config.problems import build_options
from otel_kubecost.relabel.labels import apply_rule, lower_case, upper_case
from otel_kubecost.relabel.rule import RelabelRule

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)


def relabelled(labels, *blocks):
    """``labels`` after the rules, or None where one of them drops the series."""
    changed = dict(labels)
    rules = [build_options(RelabelRule, block) for block in blocks]
    return changed if all(apply_rule(rule, changed) for rule in rules) else None


ABC = {"a": "foo", "b": "bar", "c": "baz"}
HASHMOD = {"action": "hashmod", "source_labels": ["c"], "target_label": "d", "modulus": 1000}


@pytest.mark.parametrize(
    ("block", "changes"),
    [
        # replace, which is the default
        ({"source_labels": ["a"], "target_label": "d"}, {"d": "foo"}),
        ({"source_labels": ["a", "b"], "target_label": "d"}, {"d": "foo;bar"}),
        ({"source_labels": ["a", "b"], "separator": "", "target_label": "d"}, {"d": "foobar"}),
        (
            {
                "source_labels": ["a"],
                "regex": "f(.*)",
                "target_label": "d",
                "replacement": "ch${1}-$1",
            },
            {"d": "choo-oo"},
        ),
        (
            {
                "source_labels": ["a"],
                "regex": "(?P<n>f).*",
                "target_label": "d",
                "replacement": "${n}!",
            },
            {"d": "f!"},
        ),
        ({"target_label": "d", "replacement": "constant"}, {"d": "constant"}),
        ({"target_label": "a", "replacement": "$$1"}, {"a": "$1"}),
        # no match, nothing done
        ({"source_labels": ["a"], "regex": "o", "target_label": "d", "replacement": "x"}, {}),
        # an empty result takes the label away, also where the sources are missing
        ({"target_label": "a", "replacement": ""}, {"a": None}),
        ({"source_labels": ["nothing"], "target_label": "a"}, {"a": None}),
        ({"source_labels": ["a"], "target_label": "b", "replacement": "$1_x"}, {"b": None}),
        # the name may come from the match; one that is none is left alone
        ({"source_labels": ["b"], "regex": "(b)(.*)", "target_label": "x_$1"}, {"x_b": "b"}),
        ({"source_labels": ["a"], "regex": "(f)(-)?.*", "target_label": "${2}"}, {}),
        ({"source_labels": ["a"], "target_label": "a${1}-", "action": "drop"}, None),
        # hashmod, with the numbers of Prometheus' own tests
        (HASHMOD, {"d": "976"}),
        # case
        ({"action": "uppercase", "source_labels": ["a"], "target_label": "b"}, {"b": "FOO"}),
        ({"action": "LowerCase", "source_labels": ["a"], "target_label": "a_"}, {"a_": "foo"}),
        ({"action": "lowercase", "source_labels": ["nothing"], "target_label": "b"}, {"b": None}),
        # names
        (
            {"action": "labelmap", "regex": "([ab])", "replacement": "x_${1}"},
            {"x_a": "foo", "x_b": "bar"},
        ),
        ({"action": "labelmap", "regex": "[ab]", "replacement": "c"}, {"c": "bar"}),
        ({"action": "labelmap", "regex": "a(.*)"}, {}),
        ({"action": "labeldrop", "regex": "a|b"}, {"a": None, "b": None}),
        ({"action": "labelkeep", "regex": "a|b"}, {"c": None}),
        # choosing
        ({"action": "keep", "source_labels": ["a"], "regex": "f.*"}, {}),
        ({"action": "keep", "source_labels": ["a"], "regex": "oo"}, None),
        ({"action": "drop", "source_labels": ["a"], "regex": ".*o.*"}, None),
        ({"action": "drop", "source_labels": ["a"], "regex": "f|o"}, {}),
        ({"action": "drop", "source_labels": ["nothing"], "regex": ""}, None),
        ({"action": "keepequal", "source_labels": ["a"], "target_label": "b"}, None),
        ({"action": "dropequal", "source_labels": ["a"], "target_label": "b"}, {}),
        ({"action": "dropequal", "source_labels": ["a"], "target_label": "a"}, None),
        ({"action": "keepequal", "source_labels": ["x"], "target_label": "y"}, {}),
    ],
    ids=str,
)
def test_one_rule(block, changes):
    """Of three labels, what the rule changes (None: gone), or that it drops the series."""
    expected = None if changes is None else ABC | changes
    found = relabelled(ABC, block)
    assert found == (expected and {name: value for name, value in expected.items() if value})


def test_rules_see_what_earlier_ones_made():
    """Each rule works on the result of the one before it; what is dropped stays dropped."""
    rules = [
        {"source_labels": ["a", "b"], "regex": "f(.*);(.*)r", "target_label": "a",
         "replacement": "b${1}${2}m"},
        {"source_labels": ["c", "a"], "regex": "(b).*b(.*)ba(.*)", "target_label": "d",
         "replacement": "$1$2$2$3"},
    ]  # fmt: skip
    assert relabelled(ABC, *rules) == ABC | {"a": "boobam", "d": "boooom"}
    drop = {"action": "drop", "source_labels": ["d"], "regex": "boo.*"}
    assert relabelled(ABC, *rules, drop) is None


def test_a_label_that_was_dropped_can_be_made_again():
    """As in prometheus#12283."""
    rules = [
        {"action": "labeldrop", "regex": "a"},
        {"source_labels": ["b"], "regex": "(.+)", "target_label": "a", "replacement": "again"},
        {"action": "keep", "source_labels": ["a"], "regex": "^again$"},
    ]
    assert relabelled(ABC, *rules) == ABC | {"a": "again"}


@given(st.lists(TEXTS, min_size=1, max_size=3), st.integers(1, 2**64 - 1))
def test_the_hash_is_the_end_of_md5(values, modulus):
    """Eight bytes, big-endian, whatever the text; the same shard as Prometheus chooses."""
    labels = {f"l{at}": value for at, value in enumerate(values) if value}
    names = [f"l{at}" for at in range(len(values))]
    block = {
        "action": "hashmod", "source_labels": names, "target_label": "shard", "modulus": modulus,
    }  # fmt: skip
    digest = hashlib.md5(";".join(values).encode()).hexdigest()
    assert relabelled(labels, block)["shard"] == str(int(digest[16:], 16) % modulus)


@pytest.mark.parametrize(
    ("text", "lower", "upper"),
    [
        ("Straße", "straße", "STRAßE"),
        ("ΔΣ", "δ\N{GREEK SMALL LETTER SIGMA}", "ΔΣ"),
        ("İ", "i", "İ"),
        ("ﬁ", "ﬁ", "ﬁ"),
        ("ᾳ", "ᾳ", "ᾼ"),
        ("ŉé", "ŉé", "ŉÉ"),
        ("aZ9-", "az9-", "AZ9-"),
    ],
)
def test_case_changes_letter_by_letter(text, lower, upper):
    """Go knows no rules of words and never makes two letters of one."""
    assert (lower_case(text), upper_case(text)) == (lower, upper)


@given(TEXTS)
def test_case_never_changes_the_number_of_letters(text):
    """A label is as long as before."""
    assert len(lower_case(text)) == len(upper_case(text)) == len(text)


@given(
    labels=st.dictionaries(st.sampled_from("abcde"), TEXTS.filter(bool)),
    regex=st.sampled_from(["", "a|b", "[^c]", "(.*)", "x"]),
)
def test_dropping_and_keeping_names_are_opposites(labels, regex):
    """What ``labeldrop`` leaves and what ``labelkeep`` leaves are all labels, each once."""
    dropped = relabelled(labels, {"action": "labeldrop", "regex": regex})
    kept = relabelled(labels, {"action": "labelkeep", "regex": regex})
    assert dropped | kept == labels
    assert not dropped.keys() & kept.keys()
