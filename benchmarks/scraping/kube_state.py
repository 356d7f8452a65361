"""What kube-state-metrics says: of each object many small facts, most of which are 0 or 1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, TypeVar

from benchmarks.scraping.families import Course, Family, Labels, Row, key
from benchmarks.scraping.objects import Container, Deployment, Node, Pod, course

Thing = TypeVar("Thing")


class Fact(NamedTuple):
    name: str
    help: str
    kind: str
    """Of course that its numbers take; ``first`` is 1 for the first series and 0 for the others."""
    variants: tuple[Mapping[str, str], ...] = ({},)
    type: str = "gauge"


def _each(label: str, *values: str, **others: str) -> tuple[Labels, ...]:
    return tuple({label: value, **others} for value in values)


_CORES, _BYTES = {"unit": "core"}, {"unit": "byte"}
_RESOURCES = ({"resource": "cpu", **_CORES}, {"resource": "memory", **_BYTES})
_STATUSES = ("true", "false", "unknown")
_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")

_OF_PODS = (
    Fact("kube_pod_info", "What a pod is", "one"),
    Fact("kube_pod_start_time", "When it started", "moment"),
    Fact("kube_pod_created", "When it was made", "moment"),
    Fact("kube_pod_owner", "Whose it is", "one"),
    Fact("kube_pod_labels", "Labels of the object", "one"),
    Fact("kube_pod_annotations", "Annotations of the object", "one"),
    Fact("kube_pod_ips", "Its addresses", "one"),
    Fact("kube_pod_restart_policy", "What follows its end", "one", _each("type", "Always")),
    Fact("kube_pod_status_phase", "Its phase", "first",
         _each("phase", "Running", "Pending", "Succeeded", "Failed", "Unknown")),
    Fact("kube_pod_status_ready", "Whether it serves", "first", _each("condition", *_STATUSES)),
    Fact("kube_pod_status_scheduled", "Has a node", "first", _each("condition", *_STATUSES)),
    Fact("kube_pod_status_reason", "Why it failed", "zero",
         _each("reason", "Evicted", "NodeAffinity", "NodeLost", "Shutdown",
               "UnexpectedAdmissionError")),
    Fact("kube_pod_status_qos_class", "Its quality of service", "first",
         _each("qos_class", "Burstable", "BestEffort", "Guaranteed")),
)  # fmt: skip
_OF_CONTAINERS = (
    Fact("kube_pod_container_info", "What a container is", "one"),
    Fact("kube_pod_container_status_ready", "Whether it serves", "one"),
    Fact("kube_pod_container_status_running", "Whether it runs", "one"),
    Fact("kube_pod_container_status_waiting", "Whether it waits", "zero"),
    Fact("kube_pod_container_status_terminated", "Whether it ended", "zero"),
    Fact("kube_pod_container_state_started", "When it started", "moment"),
    Fact("kube_pod_container_status_restarts_total", "Restarts", "few", type="counter"),
    Fact("kube_pod_container_resource_requests", "What it asks for", "limit", _RESOURCES),
    Fact("kube_pod_container_resource_limits", "What it gets at most", "limit", _RESOURCES),
)
_OF_NODES = (
    Fact("kube_node_info", "What a node is", "one"),
    Fact("kube_node_created", "When it was made", "moment"),
    Fact("kube_node_labels", "Labels of the object", "one"),
    Fact("kube_node_spec_unschedulable", "Whether it takes no pods", "zero"),
    Fact("kube_node_status_condition", "How it is", "first",
         tuple({"condition": one, "status": status}
               for one in _CONDITIONS for status in _STATUSES)),
    Fact("kube_node_status_capacity", "What it has", "limit", _RESOURCES),
    Fact("kube_node_status_allocatable", "What it has for pods", "limit", _RESOURCES),
)  # fmt: skip
_OF_DEPLOYMENTS = (
    Fact("kube_deployment_created", "When it was made", "moment"),
    Fact("kube_deployment_labels", "Labels of the object", "one"),
    Fact("kube_deployment_metadata_generation", "Version of what is wanted", "few"),
    Fact("kube_deployment_spec_paused", "Whether it rests", "zero"),
    Fact("kube_deployment_spec_replicas", "Pods that are wanted", "few"),
    Fact("kube_deployment_spec_strategy_rollingupdate_max_surge", "Pods too many", "one"),
    Fact("kube_deployment_status_observed_generation", "Version that was seen", "few"),
    Fact("kube_deployment_status_replicas", "Pods that are there", "few"),
    Fact("kube_deployment_status_replicas_available", "Pods that serve", "few"),
    Fact("kube_deployment_status_replicas_unavailable", "Pods that do not", "zero"),
    Fact("kube_deployment_status_condition", "How it is", "first",
         _each("status", *_STATUSES, condition="Available")),
)  # fmt: skip
_OF_CONFIGMAPS = (Fact("kube_configmap_created", "When it was made", "moment"),)


def pod_families(seed: int) -> Iterator[Family[Pod]]:
    yield from _families(_OF_PODS, _of_pod, seed)
    for fact in _OF_CONTAINERS:
        yield Family(*_said(fact), partial(_container_rows, fact, seed))


def node_families(seed: int) -> Iterator[Family[Node]]:
    yield from _families(_OF_NODES, _of_node, seed)


def deployment_families(seed: int) -> Iterator[Family[Deployment]]:
    yield from _families(_OF_DEPLOYMENTS, _of_deployment, seed)


def configmap_families(seed: int) -> Iterator[Family[int]]:
    """One series of each."""
    yield from _families(_OF_CONFIGMAPS, _of_configmap, seed)


def _families(
    facts: Iterable[Fact], labels: Callable[[str, Thing], Labels], seed: int
) -> Iterator[Family[Thing]]:
    for fact in facts:
        yield Family(*_said(fact), partial(_rows_of, fact, labels, seed))


def _said(fact: Fact) -> tuple[str, str, str]:
    return fact.name, f"[STABLE] {fact.help}.", fact.type


def _rows_of(
    fact: Fact, labels: Callable[[str, Thing], Labels], seed: int, thing: Thing
) -> Iterator[Row]:
    yield from _rows(fact, labels(fact.name, thing), seed)


def _container_rows(fact: Fact, seed: int, pod: Pod) -> Iterator[Row]:
    for container in pod.containers:
        yield from _rows(fact, _of_container(fact.name, pod, container), seed)


def _rows(fact: Fact, labels: Labels, seed: int) -> Iterator[Row]:
    for variant in fact.variants:
        series = key(fact.name, {**labels, **variant})
        if fact.kind == "first":
            yield Row(series, Course(float(variant is fact.variants[0])))
        else:
            yield Row(series, course(fact.kind, series, seed))


def _of_pod(name: str, pod: Pod) -> Labels:
    labels = {"namespace": pod.namespace, "pod": pod.name, "uid": pod.uid}
    own: dict[str, Labels] = {
        "kube_pod_info": {
            "host_ip": "10.0.0.7",
            "pod_ip": _address(pod.number),
            "node": pod.node.name,
            "created_by_kind": "ReplicaSet",
            "created_by_name": pod.owner,
            "priority_class": "",
            "host_network": "false",
        },
        "kube_pod_owner": {
            "owner_kind": "ReplicaSet",
            "owner_name": pod.owner,
            "owner_is_controller": "true",
        },
        "kube_pod_labels": {
            "label_app_kubernetes_io_name": pod.app,
            "label_app_kubernetes_io_managed_by": "Helm",
            "label_pod_template_hash": pod.owner.rpartition("-")[2],
        },
        "kube_pod_annotations": {
            "annotation_owner": 'Müller & Søn "Kassen"',
            "annotation_command": "C:\\run\n--all",
        },
        "kube_pod_ips": {"ip": _address(pod.number), "ip_family": "4"},
    }
    return {**labels, **own.get(name, {})}


def _of_container(name: str, pod: Pod, container: Container) -> Labels:
    labels = {
        "namespace": pod.namespace,
        "pod": pod.name,
        "uid": pod.uid,
        "container": container.name,
    }
    if name == "kube_pod_container_info":
        return {
            **labels,
            "image_spec": container.image,
            "image": container.image,
            "image_id": f"{container.image.partition(':')[0]}@sha256:{container.runtime_id}",
            "container_id": f"containerd://{container.runtime_id}",
        }
    if "_resource_" in name:
        return {**labels, "node": pod.node.name}
    return labels


def _of_node(name: str, node: Node) -> Labels:
    own: dict[str, Labels] = {
        "kube_node_info": {
            "kernel_version": "6.1.0-28-cloud-amd64",
            "os_image": "Debian GNU/Linux 12 (bookworm)",
            "container_runtime_version": "containerd://1.7.24",
            "kubelet_version": "v1.31.4",
            "provider_id": f"aws:///eu-central-1a/i-{node.digest[:17]}",
            "system_uuid": node.digest[:32],
            "internal_ip": "10.0.0.7",
        },
        "kube_node_labels": {"label_topology_kubernetes_io_zone": "eu-central-1a"},
    }
    return {"node": node.name, **own.get(name, {})}


def _of_deployment(name: str, deployment: Deployment) -> Labels:
    labels = {"namespace": deployment.namespace, "deployment": deployment.name}
    if name == "kube_deployment_labels":
        return {**labels, "label_app_kubernetes_io_name": deployment.name}
    return labels


def _of_configmap(_: str, number: int) -> Labels:
    return {"namespace": f"team-{number % 23:02d}-config", "configmap": f"settings-{number:05d}"}


def _address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
