"""What a role makes of the objects that it looks at. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

from otel_kubecost.receivers.prometheus.discovery.groups import TargetGroup
from otel_kubecost.receivers.prometheus.discovery.kubernetes.endpoints import endpoints_group
from otel_kubecost.receivers.prometheus.discovery.kubernetes.nodes import node_group
from otel_kubecost.receivers.prometheus.discovery.kubernetes.options import READS, Role
from otel_kubecost.receivers.prometheus.discovery.kubernetes.pods import pod_group
from otel_kubecost.receivers.prometheus.discovery.kubernetes.services import service_group

Reference: TypeAlias = tuple[Role, str]
"""Kind and key of an object."""
Known: TypeAlias = Mapping[Role, Mapping[str, Any]]
"""What is kept of all objects, by kind and key."""


class Rules(NamedTuple):
    """How a role works."""

    main: Role
    """The kind whose objects are target groups, each of them."""
    reads: tuple[Role, ...]
    """All kinds that it looks at, ``main`` first."""
    references: Callable[[str, Any], Iterator[Reference]]
    """Of a main object, by its key: the others that its group depends on."""
    group: Callable[[str, Known], TargetGroup]
    """The group of the main object with that key."""


def rules_of(role: Role, *, with_node: bool) -> Rules:
    """``with_node`` adds labels of nodes to what runs on them: pods and endpoints."""
    attaches = with_node and role in _REFERENCES
    reads: tuple[Role, ...] = (*READS[role], "node") if attaches else READS[role]
    references = _REFERENCES.get(role, _no_references)
    return Rules(role, reads, references, _GROUPS[role])


def _no_references(_: str, __: Any) -> Iterator[Reference]:
    yield from ()


def _of_pod(_: str, pod: Any) -> Iterator[Reference]:
    if pod.node:
        yield "node", pod.node


def _of_endpoints(key: str, endpoints: Any) -> Iterator[Reference]:
    yield "service", key
    for address in endpoints.addresses:
        if address.pod:
            yield "pod", address.pod
        if address.node:
            yield "node", address.node


def _pod(key: str, known: Known) -> TargetGroup:
    pod = known["pod"][key]
    return pod_group(pod, _attached(known, pod.node))


def _endpoints(key: str, known: Known) -> TargetGroup:
    service = known["service"].get(key)
    return endpoints_group(
        known["endpoints"][key],
        service.labels if service else {},
        known["pod"].get,
        lambda node: _attached(known, node),
    )


def _attached(known: Known, name: str) -> Mapping[str, str]:
    node = known.get("node", {}).get(name)
    return node.attached if node else {}


_REFERENCES: Mapping[Role, Callable[[str, Any], Iterator[Reference]]] = {
    "pod": _of_pod,
    "endpoints": _of_endpoints,
}
_GROUPS: Mapping[Role, Callable[[str, Known], TargetGroup]] = {
    "pod": _pod,
    "service": lambda key, known: service_group(known["service"][key]),
    "endpoints": _endpoints,
    "node": lambda key, known: node_group(known["node"][key]),
}
