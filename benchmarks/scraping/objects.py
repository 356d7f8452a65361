"""What a page is about: pods with their containers, nodes, deployments. Deterministic by number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

from benchmarks.scraping.families import Course

APPS = ("checkout", "catalogue", "payments-api", "ledger", "search-index", "image-resizer", "web")
_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of the names that Kubernetes makes up."""
_START = 1_790_000_000


class Node(NamedTuple):
    number: int
    name: str
    digest: str


class Container(NamedTuple):
    """A cgroup; the pod's own has no container, image and name."""

    name: str
    image: str
    id: str
    """Path of the cgroup."""
    runtime_id: str


class Deployment(NamedTuple):
    number: int
    namespace: str
    name: str
    digest: str


class Pod(NamedTuple):
    number: int
    """Of all that ever were, from 0."""
    namespace: str
    name: str
    uid: str
    owner: str
    node: Node
    containers: tuple[Container, ...]
    cgroup: Container
    app: str


def node(number: int, seed: int) -> Node:
    digest = hexadecimal("node", number, seed)
    address = "-".join(str(int(digest[at : at + 2], 16)) for at in (0, 2, 4))
    return Node(number, f"ip-10-{address}.eu-central-1.compute.internal", digest)


def deployment(number: int, seed: int) -> Deployment:
    app = APPS[number % len(APPS)]
    namespace = f"team-{number % 23:02d}-{app}"
    return Deployment(number, namespace, f"{app}-v{number}", hexadecimal("d", number, seed))


def pod(number: int, place: int, owner: Deployment, home: Node, seed: int) -> Pod:
    """Pods at one place have as many containers, whatever their number."""
    digest = hexadecimal("pod", number, seed)
    uid = "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
    replica_set = f"{owner.name}-{_made_up(owner.digest, 10)}"
    slice_of_pod = (
        f"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid.replace('-', '_')}"
        ".slice"
    )
    names = ("app", "istio-proxy") if place % 4 == 0 else ("app",)
    return Pod(
        number,
        namespace=owner.namespace,
        name=f"{replica_set}-{_made_up(digest, 5)}",
        uid=uid,
        owner=replica_set,
        node=home,
        containers=tuple(_container(name, slice_of_pod, owner, digest) for name in names),
        cgroup=Container("", "", slice_of_pod, ""),
        app=owner.name,
    )


def _container(name: str, slice_of_pod: str, owner: Deployment, digest: str) -> Container:
    runtime_id = hashlib.sha256(f"{name}{digest}".encode()).hexdigest()
    image = "docker.io/istio/proxyv2:1.24.1"
    if name == "app":
        tag = owner.digest[:12]
        image = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/{owner.name}:{tag}"
    cgroup = f"{slice_of_pod}/cri-containerd-{runtime_id}.scope"
    return Container(name, image, cgroup, runtime_id)


def hexadecimal(*parts: object) -> str:
    """64 digits that look like chance."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def chance(*parts: object) -> int:
    """A number below 2**40, another one for other parts."""
    return int(hexadecimal(*parts)[:10], 16)


def course(kind: str, *parts: object) -> Course:
    """How the number of one series goes; of each kind, some stay as they are."""
    return _COURSES[kind](chance(*parts))


_COURSES: Mapping[str, Callable[[int], Course]] = {
    "zero": lambda _: Course(0.0),
    "one": lambda _: Course(1.0),
    "few": lambda drawn: Course(float(drawn % 12)),
    "count": lambda drawn: Course(float(drawn % 9_000_000), step=float(drawn % 7 * (drawn % 911))),
    "seconds": lambda drawn: Course(drawn % 10**10 / 1e5, step=drawn % 5 * (drawn % 97_003) / 1e6),
    "bytes": lambda drawn: Course(drawn % 2**31 // 4096 * 4096.0, swing=drawn % 3 * 69_632.0),
    "limit": lambda drawn: Course(float(2**27 << drawn % 5)),
    "moment": lambda drawn: Course(float(_START - drawn % 3_000_000)),
}


def _made_up(digest: str, length: int) -> str:
    return "".join(
        _SUFFIX[int(digest[2 * i : 2 * i + 2], 16) % len(_SUFFIX)] for i in range(length)
    )
