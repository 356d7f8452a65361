"""Role ``node``: the kubelet of each node. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.discovery.groups import TargetGroup
from otel_kubecost.receivers.prometheus.discovery.kubernetes.labels import (
    META,
    CompactLabels,
    described,
    host_and_port,
    name_of,
)
from otel_kubecost.receivers.prometheus.discovery.kubernetes.objects import NodeObject

_ORDER = ("InternalIP", "InternalDNS", "ExternalIP", "ExternalDNS", "LegacyHostIP", "Hostname")
"""The first address that a node has of these is scraped."""


class Node(NamedTuple):
    """What is kept of a node."""

    name: str
    labels: Mapping[str, str]
    attached: Mapping[str, str]
    """Labels for what runs there: its name and its labels, no annotations."""
    targets: tuple[Mapping[str, str], ...]
    """One, or none where it has no address."""


def node_of(found: NodeObject) -> Node:
    metadata = found.metadata
    name = {f"{META}node_name": metadata.name}
    provider = {f"{META}node_provider_id": found.spec.provider_id}
    return Node(
        metadata.name,
        CompactLabels({**name, **provider, **described("node", metadata)}),
        CompactLabels({**name, **described("node", metadata, annotations=False)}),
        _targets(found),
    )


def _targets(found: NodeObject) -> tuple[Mapping[str, str], ...]:
    addresses: dict[str, str] = {}
    for one in found.status.addresses or ():
        addresses.setdefault(one.type, one.address)
    host = next((addresses[sort] for sort in _ORDER if sort in addresses), None)
    if host is None:
        return ()
    labels = {f"{META}node_address_{name_of(sort)}": one for sort, one in addresses.items()}
    address = host_and_port(host, found.status.daemons.kubelet.port)
    target = {"__address__": address, "instance": found.metadata.name, **labels}
    return (CompactLabels(target),)


def node_group(node: Node) -> TargetGroup:
    return TargetGroup(f"node/{node.name}", node.targets, node.labels)
