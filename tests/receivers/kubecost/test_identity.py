"""What a row is about: keys, properties, and rows that are no object."""

import msgspec
import pytest

from otel_kubecost.receivers.kubecost.identity import identity, synthetic
from otel_kubecost.receivers.kubecost.rows import Properties, Row

DIMENSIONS = ("cluster", "namespace")


def test_identity_comes_from_the_key_when_its_parts_match():
    """Since Kubecost 2.3 properties hold the requested dimensions only, or none of them."""
    assert identity("one/shop", Row(), DIMENSIONS) == ("one", "shop")


def test_identity_comes_from_properties_when_the_key_has_other_parts():
    """A server that knows other dimensions still says what a row is about."""
    row = Row(properties=Properties(cluster="one", namespace="shop", pod="web-1"))
    assert identity("shop", row, DIMENSIONS) == ("one", "shop")
    assert identity("shop/web/web-1/nginx", row, (*DIMENSIONS, "pod")) == ("one", "shop", "web-1")


def test_properties_that_contradict_the_key_are_right():
    """The key of a server that answered for other dimensions has as many parts by chance."""
    row = Row(properties=Properties(cluster="one", namespace="kube-system"))
    assert identity("kube-system/coredns", row, DIMENSIONS) == ("one", "kube-system")


def test_a_shorter_key_without_properties_is_the_last_dimensions():
    """A server that knows one cluster may leave it out of the key."""
    assert identity("shop", Row(), DIMENSIONS) == ("__unallocated__", "shop")
    assert identity("shop/web-0", Row(), (*DIMENSIONS, "pod")) == (
        "__unallocated__", "shop", "web-0",
    )  # fmt: skip


def test_a_dimension_that_a_row_has_not_is_unallocated():
    """Missing properties are never an error."""
    row = Row(properties=Properties(cluster="one"))
    assert identity("x", row, DIMENSIONS) == ("one", "__unallocated__")
    assert identity("a/b/c", Row(), DIMENSIONS) == ("__unallocated__", "__unallocated__")
    assert identity("one/", Row(), DIMENSIONS) == ("one", "__unallocated__")


@pytest.mark.parametrize(
    ("key", "names", "kind"),
    [
        ("__idle__", ["__unallocated__"], "__idle__"),
        ("one/__idle__", ["__idle__"], "__idle__"),
        ("__idle__/__idle__", ["__idle__"], "__idle__"),
        ("one/node-1/__idle__", ["shop"], "__idle__"),
        ("one//integration/integration-unmounted-pvcs/__unmounted__", ["x"], "__unmounted__"),
        ("one/__unallocated__", ["__unallocated__"], None),
        ("kube-system/__unallocated__/aws-node-48cn9", ["kube-system", "aws-node-48cn9"], None),
        ("one/shop", ["shop"], None),
    ],
)
def test_synthetic_rows_are_told_by_any_part_of_their_key(key, names, kind):
    """Idle, unmounted and shared are no object at any level; what lacks one level has others."""
    assert synthetic(key, names) == kind


LABELS = ("cluster", "pod", "label:team", "annotation:owner")


def test_the_value_of_a_label_is_in_the_key_with_or_without_its_name():
    """Kubecost 1.98 writes ``team=shop`` where later versions write ``shop``."""
    wanted = ("one", "web-0", "shop", "ann")
    assert identity("one/web-0/shop/ann", Row(), LABELS) == wanted
    assert identity("one/web-0/team=shop/owner=ann", Row(), LABELS) == wanted


def test_the_value_of_an_annotation_may_have_slashes():
    """It is the last dimension, so that all that is left of the key is its value."""
    found = identity("one/web-0/shop/teams/shop/ann", Row(), LABELS)
    assert found == ("one", "web-0", "shop", "teams/shop/ann")


@pytest.mark.parametrize("labels", [b"null", b"[]", b'"None"', b"", b"{}", b'{"team": 3}', b"{"])
def test_labels_that_cannot_be_read_leave_their_dimension_open(labels):
    """A key that does not fit is explained by the properties, as far as they go."""
    properties = Properties(cluster="one", pod="web-0", labels=msgspec.Raw(labels))
    found = identity("web-0", Row(properties=properties), ("cluster", "pod", "label:team"))
    assert found == ("one", "web-0", "__unallocated__")


def test_labels_of_the_properties_explain_a_key_that_does_not_fit():
    """Aggregated rows keep the labels that all their members share."""
    properties = Properties(cluster="one", pod="web-0", labels=msgspec.Raw(b'{"team": "shop"}'))
    found = identity("web-0", Row(properties=properties), ("cluster", "pod", "label:team"))
    assert found == ("one", "web-0", "shop")
