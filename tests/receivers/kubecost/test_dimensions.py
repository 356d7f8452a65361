"""Levels and the queries that answer them."""

import pytest

from otel_kubecost.receivers.kubecost.dimensions import Level, queries, sanitised

FINE = "cluster,namespace,controllerKind,controller,label:app_kubernetes_io_name,annotation:a_owner"


def dimensions(*levels):
    return [",".join(query.dimensions) for query in queries(map(Level.parse, levels))]


@pytest.mark.parametrize(
    ("levels", "aggregates"),
    [
        (["cluster"], ["cluster,namespace"]),
        (["namespace", "cluster"], ["cluster,namespace"]),
        (["pod"], ["cluster,namespace,pod"]),
        (["node"], ["cluster,node"]),
        (["controller"], ["cluster,namespace,controllerKind,controller"]),
        (["cluster", "pod", "node"], ["cluster,namespace", "cluster,namespace,pod,node"]),
        (
            ["namespace", "label:app.kubernetes.io/name", "controller", "annotation:a/owner"],
            ["cluster,namespace", FINE],
        ),
        (["label:a", "label:b", "label:a"], ["cluster,label:a,label:b"]),
        (
            ["pod", "annotation:a", "annotation:b"],
            ["cluster,namespace,pod,annotation:a", "cluster,annotation:b"],
        ),
    ],
)
def test_levels_are_asked_for_in_as_few_queries_as_the_api_allows(levels, aggregates):
    """One for the totals, one for all that is finer; a second annotation needs its own."""
    assert dimensions(*levels) == aggregates


def test_a_level_finds_its_dimensions_in_the_query():
    """The names of an object stand at the positions of its level's dimensions."""
    (query,) = queries([Level("pod"), Level("controller"), Level("label", "team")])
    names = ("shop", "deployment", "web", "web-0", "blue")
    at = {level.name: [names[i] for i in query.positions(level)] for level in query.levels}
    assert at == {
        "pod": ["shop", "web-0"],
        "controller": ["shop", "deployment", "web"],
        "label": ["blue"],
    }


@pytest.mark.parametrize("text", ["", "pods", "label", "label:", "label: ", "pod:x", "Namespace"])
def test_what_is_no_level_is_refused_with_those_there_are(text):
    """The message lists the levels."""
    with pytest.raises(ValueError, match=r"is not a level; there are cluster, namespace"):
        Level.parse(text)


def test_names_of_labels_are_asked_for_as_kubecost_has_them():
    """Unsanitised, everything is __unallocated__ (opencost issues 2753 and 2817)."""
    assert sanitised("app.kubernetes.io/part-of") == "app_kubernetes_io_part_of"
