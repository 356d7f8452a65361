"""Role ``pod``: one target for each port of each container of a pod. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.discovery.groups import TargetGroup
from otel_kubecost.receivers.prometheus.discovery.kubernetes.labels import (
    META,
    NAMESPACE,
    CompactLabels,
    described,
    host_and_port,
)
from otel_kubecost.receivers.prometheus.discovery.kubernetes.objects import (
    ContainerPort,
    ContainerSpec,
    ContainerStatus,
    Metadata,
    PodObject,
    PodStatus,
)

_CONTAINER = f"{META}pod_container_"


class Port(NamedTuple):
    number: int
    name: str
    protocol: str


class Container(NamedTuple):
    name: str
    image: str
    id: str
    is_init: bool
    ports: tuple[Port, ...]


class Pod(NamedTuple):
    """What is kept of a pod."""

    namespace: str
    name: str
    ip: str
    node: str
    labels: Mapping[str, str]
    """Without its namespace."""
    containers: tuple[Container, ...]


def pod_of(found: PodObject) -> Pod:
    metadata, status = found.metadata, found.status
    return Pod(
        metadata.namespace,
        metadata.name,
        status.ip,
        found.spec.node,
        CompactLabels(_labels(found)),
        (
            *_containers(found.spec.containers, status.containers, is_init=False),
            *_containers(found.spec.init_containers, status.init_containers, is_init=True),
        ),
    )


def _labels(found: PodObject) -> dict[str, str]:
    metadata, status = found.metadata, found.status
    return {
        f"{META}pod_name": metadata.name,
        f"{META}pod_ip": status.ip,
        f"{META}pod_ready": _ready(status),
        f"{META}pod_phase": status.phase,
        f"{META}pod_node_name": found.spec.node,
        f"{META}pod_host_ip": status.host_ip,
        f"{META}pod_uid": metadata.uid,
        **_controller(metadata),
        **described("pod", metadata),
    }


def _ready(status: PodStatus) -> str:
    conditions = status.conditions or ()
    ready = (condition.status for condition in conditions if condition.type == "Ready")
    return next(ready, "unknown").lower()


def _controller(metadata: Metadata) -> dict[str, str]:
    for owner in metadata.owners or ():
        if owner.controller:
            kind, name = f"{META}pod_controller_kind", f"{META}pod_controller_name"
            return {kind: owner.kind, name: owner.name}
    return {}


def _containers(
    found: Iterable[ContainerSpec] | None,
    statuses: Iterable[ContainerStatus] | None,
    *,
    is_init: bool,
) -> Iterator[Container]:
    ids = {status.name: status.id for status in statuses or ()}
    for one in found or ():
        ports = tuple(map(_port, one.ports or ()))
        yield Container(one.name, one.image, ids.get(one.name, ""), is_init, ports)


def _port(found: ContainerPort) -> Port:
    return Port(found.number, found.name, found.protocol)


def pod_group(pod: Pod, of_node: Mapping[str, str]) -> TargetGroup:
    """The targets of ``pod``, none until it has an address; ``of_node`` is added to all."""
    source = f"pod/{pod.namespace}/{pod.name}"
    if not pod.ip:
        return TargetGroup(source, (), {})
    labels = CompactLabels({**pod.labels, **of_node}) if of_node else pod.labels
    of_all = {NAMESPACE: pod.namespace}
    targets = (CompactLabels({**of_all, **one}) for one in _targets(pod))
    return TargetGroup(source, tuple(targets), labels)


def _targets(pod: Pod) -> Iterator[dict[str, str]]:
    for container in pod.containers:
        labels = {
            f"{_CONTAINER}name": container.name,
            f"{_CONTAINER}image": container.image,
            f"{_CONTAINER}id": container.id,
            f"{_CONTAINER}init": "true" if container.is_init else "false",
        }
        if not container.ports:  # whoever scrapes it has to add a port by relabel_configs
            yield {"__address__": pod.ip, **labels}
        for port in container.ports:
            address = host_and_port(pod.ip, port.number)
            yield {"__address__": address, **labels, **port_labels(port)}


def port_labels(port: Port) -> dict[str, str]:
    return {
        f"{_CONTAINER}port_name": port.name,
        f"{_CONTAINER}port_number": str(port.number),
        f"{_CONTAINER}port_protocol": port.protocol,
    }
