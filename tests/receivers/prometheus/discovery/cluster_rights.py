"""What a service account may do, by the RBAC objects of a file, as an API server decides it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML

RBAC = Path(__file__).parents[4] / "config" / "kubernetes" / "rbac.yaml"
ACCOUNT = "otel-kubecost"


class Right(NamedTuple):
    verb: str
    what: str
    """A resource, ``nodes/metrics``, or a path, ``/metrics``."""


def rights_in(text: str) -> set[Right]:
    """Those that bindings to cluster roles give to ``ACCOUNT``, single ones."""
    documents = list(YAML(typ="safe").load_all(text))
    kinds = {}
    for document in documents:
        kinds.setdefault(document["kind"], []).append(document)
    (account,) = kinds["ServiceAccount"]
    subject = {
        "kind": "ServiceAccount",
        "name": ACCOUNT,
        "namespace": account["metadata"]["namespace"],
    }
    assert account["metadata"]["name"] == ACCOUNT
    bound = {
        binding["roleRef"]["name"]
        for binding in kinds["ClusterRoleBinding"]
        if subject in binding["subjects"] and binding["roleRef"]["kind"] == "ClusterRole"
    }
    return {
        right
        for role in kinds["ClusterRole"]
        if role["metadata"]["name"] in bound
        for rule in role["rules"]
        for right in _rights(rule)
    }


def _rights(rule):
    if "nonResourceURLs" in rule:
        named = rule["nonResourceURLs"]
    else:
        assert rule["apiGroups"] == [""], "nothing outside of the core group is read"
        named = rule["resources"]
    return {Right(verb, what) for verb in rule["verbs"] for what in named}
