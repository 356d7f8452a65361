"""What is read of the objects of the Kubernetes API, and of its lists and watches.

Everything else in an answer is skipped while it is decoded. Fields that are not there are empty:
the API leaves out most of what has nothing in it.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Raw, Struct, field

T = TypeVar("T")


class Owner(Struct):
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    version: str = field(default="", name="resourceVersion")
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owners: list[Owner] | None = field(default=None, name="ownerReferences")


class Object(Struct):
    """What every object has; all there is to read of a bookmark."""

    metadata: Metadata = field(default_factory=Metadata)


class ContainerPort(Struct):
    number: int = field(default=0, name="containerPort")
    name: str = ""
    protocol: str = ""


class ContainerSpec(Struct):
    name: str = ""
    image: str = ""
    ports: list[ContainerPort] | None = None


class ContainerStatus(Struct):
    name: str = ""
    id: str = field(default="", name="containerID")


class Condition(Struct):
    type: str = ""
    status: str = ""


class PodSpec(Struct):
    node: str = field(default="", name="nodeName")
    containers: list[ContainerSpec] | None = None
    init_containers: list[ContainerSpec] | None = field(default=None, name="initContainers")


class PodStatus(Struct):
    ip: str = field(default="", name="podIP")
    host_ip: str = field(default="", name="hostIP")
    phase: str = ""
    conditions: list[Condition] | None = None
    containers: list[ContainerStatus] | None = field(default=None, name="containerStatuses")
    init_containers: list[ContainerStatus] | None = field(
        default=None, name="initContainerStatuses"
    )


class PodObject(Object):
    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)


class ServicePort(Struct):
    port: int = 0
    name: str = ""
    protocol: str = ""


class ServiceSpec(Struct):
    type: str = ""
    ports: list[ServicePort] | None = None
    cluster_ip: str = field(default="", name="clusterIP")
    external_name: str = field(default="", name="externalName")
    load_balancer_ip: str = field(default="", name="loadBalancerIP")


class ServiceObject(Object):
    spec: ServiceSpec = field(default_factory=ServiceSpec)


class NodeAddress(Struct):
    type: str = ""
    address: str = ""


class KubeletEndpoint(Struct):
    port: int = field(default=0, name="Port")


class DaemonEndpoints(Struct):
    kubelet: KubeletEndpoint = field(default_factory=KubeletEndpoint, name="kubeletEndpoint")


class NodeSpec(Struct):
    provider_id: str = field(default="", name="providerID")


class NodeStatus(Struct):
    addresses: list[NodeAddress] | None = None
    daemons: DaemonEndpoints = field(default_factory=DaemonEndpoints, name="daemonEndpoints")


class NodeObject(Object):
    spec: NodeSpec = field(default_factory=NodeSpec)
    status: NodeStatus = field(default_factory=NodeStatus)


class TargetReference(Struct):
    kind: str = ""
    namespace: str = ""
    name: str = ""


class EndpointAddress(Struct):
    ip: str = ""
    hostname: str = ""
    node: str | None = field(default=None, name="nodeName")
    reference: TargetReference | None = field(default=None, name="targetRef")


class Subset(Struct):
    ready: list[EndpointAddress] | None = field(default=None, name="addresses")
    not_ready: list[EndpointAddress] | None = field(default=None, name="notReadyAddresses")
    ports: list[ServicePort] | None = None


class EndpointsObject(Object):
    subsets: list[Subset] | None = None


class ListMetadata(Struct):
    version: str = field(default="", name="resourceVersion")
    rest: str = field(default="", name="continue")
    """Asks for the next page; empty after the last."""


class Page(Struct, Generic[T]):
    """One page of a list."""

    metadata: ListMetadata
    items: list[T] | None = None


class Event(Struct):
    """One line of a watch."""

    type: str
    object: Raw


class Status(Struct):
    """What the API server says of a request that it refuses."""

    code: int = 0
    message: str = ""
