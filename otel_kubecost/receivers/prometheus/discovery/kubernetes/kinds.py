"""The kinds of object that roles look at: where the API has them, and what is kept of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Raw
from msgspec.json import Decoder

from otel_kubecost.receivers.prometheus.discovery.kubernetes.endpoints import endpoints_of
from otel_kubecost.receivers.prometheus.discovery.kubernetes.labels import key_of
from otel_kubecost.receivers.prometheus.discovery.kubernetes.nodes import node_of
from otel_kubecost.receivers.prometheus.discovery.kubernetes.objects import (
    EndpointsObject,
    NodeObject,
    Object,
    Page,
    PodObject,
    ServiceObject,
)
from otel_kubecost.receivers.prometheus.discovery.kubernetes.options import Role
from otel_kubecost.receivers.prometheus.discovery.kubernetes.pods import pod_of
from otel_kubecost.receivers.prometheus.discovery.kubernetes.services import service_of

T = TypeVar("T", bound=Object)


class Listed(NamedTuple):
    """A page of a list."""

    objects: Mapping[str, Any]
    """What is kept, by the keys of ``key_of``."""
    version: str
    """A watch goes on from there."""
    rest: str
    """Asks for the next page; empty after the last."""


class Changed(NamedTuple):
    """An object of a watch."""

    key: str
    kept: Any
    version: str


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """How the API server is asked for one kind, and what is kept of what it says."""

    name: Role
    plural: str
    """In paths."""
    of_pages: Decoder[Page[T]]
    of_objects: Decoder[T]
    kept: Callable[[T], Any]
    """What is kept of an object."""
    is_namespaced: bool = True

    def page(self, body: bytes) -> Listed:
        """Raises msgspec.MsgspecError for what is no list of this kind."""
        found = self.of_pages.decode(body)
        objects = {key_of(one.metadata): self.kept(one) for one in found.items or ()}
        return Listed(objects, found.metadata.version, found.metadata.rest)

    def object(self, body: Raw) -> Changed:
        """Raises msgspec.MsgspecError for what is no object of this kind."""
        found = self.of_objects.decode(body)
        return Changed(key_of(found.metadata), self.kept(found), found.metadata.version)


_ALL: tuple[Kind[Any], ...] = (
    Kind("pod", "pods", Decoder(Page[PodObject]), Decoder(PodObject), pod_of),
    Kind("service", "services", Decoder(Page[ServiceObject]), Decoder(ServiceObject), service_of),
    Kind(
        "endpoints",
        "endpoints",
        Decoder(Page[EndpointsObject]),
        Decoder(EndpointsObject),
        endpoints_of,
    ),
    Kind(
        "node",
        "nodes",
        Decoder(Page[NodeObject]),
        Decoder(NodeObject),
        node_of,
        is_namespaced=False,
    ),
)
KINDS: Mapping[Role, Kind[Any]] = {kind.name: kind for kind in _ALL}
