"""Attributes to labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_data import batch, gauge, labels_of_only, point, translated

from otel_kubecost.exporters.series.labels import label_text, labels_of, valid_text
from otel_kubecost.exporters.series.translate import Translator


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ('with "quotes"\nand lines\\', 'with "quotes"\nand lines\\'),
        ("", ""),
        (None, ""),
        (1, "1"),
        (1.0, "1.0"),
        (True, "true"),
        (False, "false"),
        (["a", 1], '["a",1]'),
        (("ü", True), '["ü",true]'),
        ([], "[]"),
        ({"k": 1}, '{"k":1}'),
        (b"\x00\x01", '"AAE="'),
        ("\ud800x", "\N{REPLACEMENT CHARACTER}x"),
    ],
)
def test_values_become_text(value, expected):
    """Strings stay, other values are JSON, so that 1, 1.0 and true are three labels."""
    assert label_text(value) == expected


@given(st.text(alphabet=st.characters()))
def test_valid_text_can_be_sent(text):
    """Text with any code points, lone surrogates too, becomes UTF-8; sound text is unchanged."""
    sound = valid_text(text).encode().decode()
    assert len(sound) == len(text)
    assert all(a == b for a, b in zip(sound, text, strict=True) if not "\ud800" <= b <= "\udfff")


def test_colliding_keys_are_joined_in_the_order_of_their_keys():
    """Defect 3b: keys with one name become one label, values joined with a semicolon."""
    attributes = {"a_b": "2", "a.b": "1", "a-b": "0", "a/b": ""}
    assert labels_of(attributes, {}) == {"a_b": "0;1;2"}


def test_a_mapped_key_collides_as_any_other():
    """A key whose mapped name is another key's name is joined with it."""
    labels = labels_of({"k8s.pod.name": "x", "pod": "y"}, {"k8s.pod.name": "pod"})
    assert labels == {"pod": "x;y"}


def test_reserved_and_empty_labels_are_left_out():
    """Defects 3b and 4: no second __name__, nothing else reserved, no empty names or values."""
    attributes = {"__name__": "x", "__meta": "x", "": "x", "empty": "", "none": None, "kept": "x"}
    assert labels_of(attributes, {}) == {"kept": "x"}


def test_labels_are_sorted_after_translation():
    """Defect 2: the order is that of the translated names, in bytes, with the name among them."""
    data = batch(gauge("m", point(attributes={"a.b": "1", "a1": "2", "a_": "3", "Z": "4"})))
    [family] = Translator().translate(data)
    [series] = family.series
    assert [name for name, _ in series.labels] == ["Z", "__name__", "a1", "a_", "a_b"]


def test_values_of_different_types_are_different_series():
    """Defect 15: 1, True and 1.0 do not merge into one series, nor does a list end the batch."""
    values = [1, True, 1.0, ["x"], None]
    data = batch(gauge("m", *(point(at, {"v": value}) for at, value in enumerate(values))))
    labels = [labels.get("v") for _, labels, _, _ in translated(data)]
    assert labels == ["1", "true", "1.0", '["x"]', None]


def test_a_point_may_have_no_attributes_at_all():
    """Defect 15: attributes=None is a series without labels."""
    assert labels_of_only(batch(gauge("m", point(attributes=None)))) == {}
