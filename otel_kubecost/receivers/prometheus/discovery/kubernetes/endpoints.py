"""Role ``endpoints``: the addresses behind services, with labels of their pods. Pure.

A pod that is behind a service gives targets for its other container ports as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.discovery.groups import TargetGroup
from otel_kubecost.receivers.prometheus.discovery.kubernetes.labels import (
    META,
    NAMESPACE,
    CompactLabels,
    described,
    host_and_port,
    key_of,
)
from otel_kubecost.receivers.prometheus.discovery.kubernetes.objects import (
    EndpointAddress,
    EndpointsObject,
    ServicePort,
    Subset,
)
from otel_kubecost.receivers.prometheus.discovery.kubernetes.pods import (
    Container,
    Pod,
    Port,
    port_labels,
)

_ENDPOINT = f"{META}endpoint_"
_CONTAINER = f"{META}pod_container_"


class Address(NamedTuple):
    """One address of an endpoint, with the labels that it has of itself."""

    ip: str
    port: int
    protocol: str
    labels: Mapping[str, str]
    pod: str
    """``namespace/name`` of the pod that it is; empty where it is none."""
    node: str


class Endpoints(NamedTuple):
    """What is kept of endpoints."""

    key: str
    labels: Mapping[str, str]
    addresses: tuple[Address, ...]


def endpoints_of(found: EndpointsObject) -> Endpoints:
    metadata = found.metadata
    labels = {
        NAMESPACE: metadata.namespace,
        f"{META}endpoints_name": metadata.name,
        **described("endpoints", metadata, annotations=False),
    }
    addresses = (one for subset in found.subsets or () for one in _addresses(subset))
    return Endpoints(key_of(metadata), CompactLabels(labels), tuple(addresses))


def _addresses(subset: Subset) -> Iterator[Address]:
    for port in subset.ports or ():
        for one in subset.ready or ():
            yield _address(one, port, "true")
        for one in subset.not_ready or ():
            yield _address(one, port, "false")


def _address(found: EndpointAddress, port: ServicePort, ready: str) -> Address:
    reference, is_pod, node = found.reference, False, found.node or ""
    labels = {
        "__address__": host_and_port(found.ip, port.port),
        f"{_ENDPOINT}port_name": port.name,
        f"{_ENDPOINT}port_protocol": port.protocol,
        f"{_ENDPOINT}ready": ready,
        f"{_ENDPOINT}node_name": node,
        f"{_ENDPOINT}hostname": found.hostname,
    }
    if reference:
        labels[f"{_ENDPOINT}address_target_kind"] = reference.kind
        labels[f"{_ENDPOINT}address_target_name"] = reference.name
        is_pod = reference.kind == "Pod"
        node = node or (reference.name if reference.kind == "Node" else "")  # prometheus#12338
    pod = f"{reference.namespace}/{reference.name}" if reference and is_pod else ""
    return Address(found.ip, port.port, port.protocol, CompactLabels(labels), pod, node)


def endpoints_group(
    endpoints: Endpoints,
    of_service: Mapping[str, str],
    pod_at: Callable[[str], Pod | None],
    of_node: Callable[[str], Mapping[str, str]],
) -> TargetGroup:
    """The targets of ``endpoints``.

    ``pod_at`` knows pods by ``namespace/name``, ``of_node`` what is added for what is on a node.
    """
    pods: dict[str, tuple[Pod, set[int]]] = {}
    targets: list[Mapping[str, str]] = []
    for address in endpoints.addresses:
        pod = pod_at(address.pod) if address.pod else None
        labels = {**address.labels, **of_node(address.node)}
        if pod:
            labels |= {**pod.labels, **_container_labels(pod, address)}
            pods.setdefault(address.pod, (pod, set()))[1].add(address.port)
        targets.append(CompactLabels(labels))
    for pod, ports in pods.values():
        targets += _other_ports(pod, ports)
    of_all = CompactLabels({**endpoints.labels, **of_service})
    return TargetGroup(f"endpoints/{endpoints.key}", tuple(targets), of_all)


def _container_labels(pod: Pod, address: Address) -> dict[str, str]:
    """Of the container that listens there; of several it is the last, as in Prometheus."""
    labels: dict[str, str] = {}
    for container in _running(pod):
        ports = (port for port in container.ports if port.number == address.port)
        if port := next(ports, None):
            labels = _of_port(container, port._replace(protocol=address.protocol))
    return labels


def _other_ports(pod: Pod, covered: Iterable[int]) -> Iterator[Mapping[str, str]]:
    """None of a pod without an address: Prometheus makes ``:9100`` of it, which is itself."""
    for container in _running(pod):
        for port in container.ports:
            if port.number not in covered and pod.ip:
                address = {"__address__": host_and_port(pod.ip, port.number)}
                yield CompactLabels({**address, **_of_port(container, port), **pod.labels})


def _running(pod: Pod) -> Iterator[Container]:
    """Init containers have ended and count for nothing."""
    return (container for container in pod.containers if not container.is_init)


def _of_port(container: Container, port: Port) -> dict[str, str]:
    names = {f"{_CONTAINER}name": container.name, f"{_CONTAINER}image": container.image}
    return names | port_labels(port)
