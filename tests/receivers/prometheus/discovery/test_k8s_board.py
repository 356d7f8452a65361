"""Groups follow the objects that they are made of, at little cost."""

import json
import tracemalloc

import pytest
from cluster_boards import EVERYTHING, board_of
from cluster_objects import container, pod
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from otel_kubecost.receivers.prometheus.discovery.kubernetes.board import Board
from otel_kubecost.receivers.prometheus.discovery.kubernetes.kinds import KINDS
from otel_kubecost.receivers.prometheus.discovery.kubernetes.roles import rules_of


def test_groups_are_made_when_they_are_asked_for():
    """A storm of changes costs one group for each object that changed, and not one a change."""
    rules, made = rules_of("pod", with_node=False), []

    def counted(key, known):
        made.append(key)
        return rules.group(key, known)

    board = Board(rules._replace(group=counted))
    names = [f"p{number}" for number in range(50)]
    board.list("pod", {})
    for revision in range(40):
        for name in names:
            change = changed_pod(name, revision)
            board.change("pod", change.key, change.kept)
    assert made == []
    before = board.groups()
    assert sorted(made) == sorted(f"default/{name}" for name in names)
    change = changed_pod("p7", "last")
    board.change("pod", change.key, change.kept)
    board.change("pod", "default/p8", None)
    after = board.groups()
    assert len(made) == 51
    assert [one for one in after if one not in before] == [after[7]]
    assert len(after) == 49


@pytest.mark.parametrize("role", EVERYTHING)
def test_a_list_that_says_nothing_new_changes_nothing(role):
    """Targets are not made anew because a version was too old to go on from."""
    known = {kind: make() for kind, make in EVERYTHING.items()}
    board = board_of(role, with_node=True, **known)
    before = board.groups()
    for kind in rules_of(role, with_node=True).reads:
        page = json.dumps({"metadata": {}, "items": EVERYTHING[kind]()}).encode()
        board.list(kind, KINDS[kind].page(page).objects)
    assert board.groups() is before


def changed_pod(name, revision):
    found = pod(name, container("web", 80), labels={"revision": str(revision)})
    return KINDS["pod"].object(Raw(json.dumps(found).encode()))


def test_what_is_kept_of_a_pod_is_small():
    """A few KiB of the many that the server says: long lists are decoded page by page."""
    noise = {
        "managedFields": [{"manager": "kubelet", "fieldsV1": {f"f:{n}": {} for n in range(500)}}]
    }
    found = [
        pod(f"p{n}", container("web", 80), labels={"app": "x", "n": str(n)}, **noise)
        for n in range(200)
    ]
    body = json.dumps({"metadata": {}, "items": found}).encode()
    tracemalloc.start()
    try:
        kept = KINDS["pod"].page(body)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept.objects) == 200
    assert len(body) > 200 * 7000
    assert size < 200 * 3000


def test_nothing_is_kept_of_a_pod_that_is_gone():
    """Long annotations are all different: what is shared between pods are short values."""
    found = [
        pod(f"p{n}", container("web", 80), annotations={"config": f"{n}{'x' * 50_000}"})
        for n in range(100)
    ]
    body = json.dumps({"metadata": {}, "items": found}).encode()
    tracemalloc.start()
    try:
        kept = KINDS["pod"].page(body)
        there, _ = tracemalloc.get_traced_memory()
        del kept
        left, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert there > 100 * 50_000
    assert left < 100 * 5_000


@pytest.mark.parametrize("role", EVERYTHING)
@given(data=st.data())
def test_changes_in_any_order_come_to_what_a_list_would_say(role, data):
    """Groups that are made anew one by one are those that are made all at once."""
    rules = rules_of(role, with_node=True)
    objects = [(kind, one) for kind in rules.reads for one in EVERYTHING[kind]()]
    changed = Board(rules)
    for kind in rules.reads:
        changed.list(kind, {})
    kept = []
    for kind, one in data.draw(st.permutations(objects)):
        change = KINDS[kind].object(Raw(json.dumps(one).encode()))
        changed.change(kind, change.key, change.kept)
        if data.draw(st.integers(0, 3)) == 0:
            changed.groups()
        if data.draw(st.integers(0, 3)) == 0:
            changed.change(kind, change.key, None)
        else:
            kept.append((kind, one))
    of_kinds = {kind: [one for of, one in kept if of == kind] for kind in rules.reads}
    listed = board_of(role, with_node=True, **of_kinds)
    by_source = [{one.source: one for one in board.groups()} for board in (changed, listed)]
    assert by_source[0] == by_source[1]
