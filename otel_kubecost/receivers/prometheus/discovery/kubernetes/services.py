"""Role ``service``: one target for each port of a service, at its name in the cluster. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.discovery.groups import TargetGroup
from otel_kubecost.receivers.prometheus.discovery.kubernetes.labels import (
    META,
    NAMESPACE,
    CompactLabels,
    described,
    key_of,
)
from otel_kubecost.receivers.prometheus.discovery.kubernetes.objects import (
    ServiceObject,
    ServicePort,
    ServiceSpec,
)

_SERVICE = f"{META}service_"


class Service(NamedTuple):
    """What is kept of a service."""

    key: str
    labels: Mapping[str, str]
    targets: tuple[Mapping[str, str], ...]


def service_of(found: ServiceObject) -> Service:
    metadata = found.metadata
    labels = {
        f"{_SERVICE}name": metadata.name,
        NAMESPACE: metadata.namespace,
        **described("service", metadata),
    }
    host, of_all = f"{metadata.name}.{metadata.namespace}.svc", _of_all_ports(found.spec)
    targets = (_target(host, port, of_all) for port in found.spec.ports or ())
    return Service(key_of(metadata), CompactLabels(labels), tuple(targets))


def _of_all_ports(spec: ServiceSpec) -> dict[str, str]:
    labels = {f"{_SERVICE}type": spec.type}
    if spec.type == "ExternalName":
        labels[f"{_SERVICE}external_name"] = spec.external_name
    else:
        labels[f"{_SERVICE}cluster_ip"] = spec.cluster_ip
    if spec.type == "LoadBalancer":
        labels[f"{_SERVICE}loadbalancer_ip"] = spec.load_balancer_ip
    return labels


def _target(host: str, port: ServicePort, of_all: Mapping[str, str]) -> Mapping[str, str]:
    return CompactLabels(
        {
            "__address__": f"{host}:{port.port}",
            f"{_SERVICE}port_name": port.name,
            f"{_SERVICE}port_number": str(port.port),
            f"{_SERVICE}port_protocol": port.protocol,
            **of_all,
        }
    )


def service_group(service: Service) -> TargetGroup:
    return TargetGroup(f"svc/{service.key}", service.targets, service.labels)
