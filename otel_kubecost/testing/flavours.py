"""Which products a fake can be, and in what they differ on the wire.

Sources: Kubecost's Helm charts (frontend's nginx), opencost ``pkg/costmodel``, ``opencost-ui``
(nginx template), kubecost docs (allocation API), kubecost 3 as seen in skyhook-io/radar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from otel_kubecost.testing.exchange import Reply
from otel_kubecost.testing.faults import SPA_PAGE


class Flavour(StrEnum):
    """A product, one of its generations, and the port that answers."""

    KUBECOST_1 = "kubecost-1"
    """Chart 1.108, port 9090."""
    KUBECOST_2 = "kubecost-2"
    """Chart 2.4, port 9090: ``/model/allocation`` has data, ``/allocation`` is the interface."""
    KUBECOST_2_AGGREGATOR = "kubecost-2-aggregator"
    """Port 9004, or 9008 with single sign-on: no ``/model``, no interface."""
    KUBECOST_3 = "kubecost-3"
    """Chart 3.2 (IBM), port 9090."""
    KUBECOST_3_AGGREGATOR = "kubecost-3-aggregator"
    OPENCOST_1_97 = "opencost-1.97"
    """Port 9003, as the others: ``/allocation`` and ``/allocation/compute``, else 404."""
    OPENCOST_1_107 = "opencost-1.107"
    """Rows have ``lbAllocations``."""
    OPENCOST_1_111 = "opencost-1.111"
    """Rows have ``cpuCostIdle``, the last envelopes ``status``."""
    OPENCOST_1_113 = "opencost-1.113"
    """Rows have ``gpuAllocation``."""
    OPENCOST_1_121 = "opencost-1.121"
    """Rows have ``cpuCoreLimitAverage`` and the cost of NAT gateways."""
    OPENCOST_UI = "opencost-ui"
    """Port 9090: the interface, with OpenCost 1.121 below ``/model``."""

    KUBECOST = KUBECOST_2
    OPENCOST = OPENCOST_1_121


@dataclass(frozen=True, slots=True)
class Traits:
    """How a flavour answers."""

    product: str
    base: str = ""
    """Before every path of the API."""
    paths: tuple[str, ...] = ("/allocation",)
    fields: int = 2025
    """Year of the newest fields in rows."""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: bool = False
    """Whether the envelope has ``"status": "success"``."""
    configs: bool = False
    """Whether ``getConfigs`` says the currency."""
    own_properties: bool = True
    """Rows have the requested dimensions alone as properties (Kubecost from 2.3 on)."""
    default_aggregate: tuple[str, ...] = ("namespace",)
    """What a query without ``aggregate`` gets (Kubecost 1: containers)."""
    idle: Literal["cluster", "joined", "each"] = "cluster"
    """The idle row is ``<cluster>/__idle__``, ``__idle__``, or that for each dimension."""
    page: bool = False
    """Whether paths that are not the API's show the interface, with status 200."""
    unsupported: tuple[str, ...] = ()
    """Paths that the proxy answers with 501 itself."""

    @property
    def is_kubecost(self) -> bool:
        return self.product == "kubecost"

    @property
    def compresses(self) -> bool:
        """Whether nginx is in front, which compresses long answers: no server does so itself."""
        return self.page

    def allocation_paths(self) -> set[str]:
        return {self.base + path for path in self.paths}

    def elsewhere(self, path: str) -> Reply:
        """What is at a path that has no data."""
        if path in self.unsupported:
            return Reply(501, b"Aggregator does not support this endpoint.", "text/html")
        if self.page and not path.startswith("/model/"):
            return Reply(200, SPA_PAGE, "text/html")
        return Reply(404, b"404 page not found\n")


def _nginx(version: str) -> Mapping[str, str]:
    return {"ETag": f'"{version}"', "Cache-Control": "max-age=300"}


_CONTAINERS = ("cluster", "node", "namespace", "pod", "container")
_FRONTEND = Traits("kubecost", base="/model", page=True)
_AGGREGATOR = Traits("kubecost")
_OPENCOST = Traits(
    "opencost",
    paths=("/allocation", "/allocation/compute"),
    headers={"Vary": "Origin"},  # of rs/cors: the star itself goes to requests with an Origin
    own_properties=False,
    default_aggregate=_CONTAINERS,
    idle="joined",
)
_NOT_IN_2 = tuple(f"/model/assets/{name}" for name in ("totals", "diff", "breakdown"))

TRAITS: Mapping[Flavour, Traits] = {
    Flavour.KUBECOST_1: replace(
        _FRONTEND,
        fields=2023,
        headers=_nginx("1.108.1"),
        configs=True,
        own_properties=False,
        default_aggregate=_CONTAINERS,
    ),
    Flavour.KUBECOST_2: replace(
        _FRONTEND, fields=2024, headers=_nginx("2.4.0"), configs=True, unsupported=_NOT_IN_2
    ),
    Flavour.KUBECOST_2_AGGREGATOR: replace(_AGGREGATOR, fields=2024),
    Flavour.KUBECOST_3: replace(_FRONTEND, headers=_nginx("3.2.0"), idle="each"),
    Flavour.KUBECOST_3_AGGREGATOR: replace(_AGGREGATOR, idle="each"),
    Flavour.OPENCOST_1_97: replace(_OPENCOST, fields=2022, status=True),
    Flavour.OPENCOST_1_107: replace(_OPENCOST, fields=2023, status=True),
    Flavour.OPENCOST_1_111: replace(_OPENCOST, fields=2024, status=True),
    Flavour.OPENCOST_1_113: replace(_OPENCOST, fields=2025),
    Flavour.OPENCOST_1_121: replace(_OPENCOST, fields=2026),
    Flavour.OPENCOST_UI: replace(
        _OPENCOST,
        base="/model",
        page=True,
        fields=2026,
        headers={**_nginx("1.96.0"), **_OPENCOST.headers},
    ),
}
