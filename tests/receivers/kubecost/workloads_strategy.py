"""Hypothesis strategy: what ran in a cluster, to be answered by any dimensions as Kubecost does.

The truth is whole units of 1e-7 of the currency; an answer has the sum of each row's members,
rounded to five decimals. What has not a dimension stands under ``__unallocated__`` of it; a volume
that no pod mounts has the names ``__unmounted__`` as a namespace and as a pod, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from answers_strategy import END
from hypothesis import strategies as st
from row_tables import decoded

from otel_kubecost.receivers.kubecost.answers import Answer, read
from otel_kubecost.receivers.kubecost.dimensions import Level, Query, queries
from otel_kubecost.receivers.kubecost.window import HOUR, Window

UNIT = 1e-7
WINDOW = Window(END - HOUR, END)
NOW = END + 30 * 60.0

IDLE, UNALLOCATED, UNMOUNTED = "__idle__", "__unallocated__", "__unmounted__"


class Costs(NamedTuple):
    """In units."""

    cpu: int = 0
    cpu_adjustment: int = 0
    ram: int = 0
    pv: int = 0

    def row(self) -> dict[str, float]:
        """Each number is rounded by itself."""
        names = ("cpuCost", "cpuCostAdjustment", "ramCost", "pvCost", "totalCost")
        amounts = zip(names, (*self, sum(self)), strict=True)
        ratio = {"cpuEfficiency": self.cpu % 97 / 64}
        return {name: round(units * UNIT, 5) for name, units in amounts} | ratio


class Owner(NamedTuple):
    """What somebody has paid for; None for a dimension that it has not."""

    cluster: str
    namespace: str
    costs: Costs
    pod: str | None = None
    node: str | None = None
    controller: tuple[str, str] | None = None
    team: str | None = None
    owner: str | None = None
    """Of an annotation, so there may be slashes in it."""

    def value(self, dimension: str) -> str | None:
        kind, name = self.controller or (None, None)
        values = {
            "controllerKind": kind,
            "controller": name,
            "label:team": self.team,
            "label:app_kubernetes_io_name": name,
            "annotation:owner": self.owner,
        }
        return values[dimension] if dimension in values else getattr(self, dimension)


_MONEY = st.integers(0, 10**9)
_COSTS = st.builds(Costs, _MONEY, st.integers(-(10**8), 10**8), _MONEY, _MONEY)
_SMALL = st.builds(Costs, *[st.integers(0, 500)] * 4)
_CLUSTERS = st.sampled_from(["one", "two"])
_PODS = st.builds(
    Owner,
    cluster=_CLUSTERS,
    namespace=st.sampled_from(["shop", "dev", "kube-system"]),
    costs=_COSTS | _SMALL,
    pod=st.sampled_from(["web-0", "web-1", "shop-unmounted-pvcs"]),
    node=st.sampled_from(["node-1", "node-2", None]),
    controller=st.sampled_from([("deployment", "web"), ("job", "web"), ("job", "tidy"), None]),
    team=st.sampled_from(["shop", "web-0", None]),
    owner=st.sampled_from(["ann", "teams/shop/ann", "https://example.com/a", None]),
)
_UNMOUNTED = st.builds(
    Owner,
    cluster=_CLUSTERS,
    namespace=st.sampled_from([UNMOUNTED, UNMOUNTED, "shop"]),  # of a claim, or of none
    costs=_COSTS,
    pod=st.just(UNMOUNTED),
    node=st.none(),
    controller=st.none(),
    team=st.none(),
    owner=st.none(),
)


@dataclass(frozen=True)
class Truth:
    """Everything that was paid for in an hour, and how an answer is written."""

    owners: Sequence[Owner]
    idle: Mapping[str, Costs]
    """By cluster; less than nothing where node metrics are missing."""
    idle_key: str
    """``cluster``, or of one cluster alone ``joined`` (OpenCost) and ``each`` (Kubecost 3)."""
    has_properties: bool

    def answer(self, dimensions: Sequence[str]) -> bytes:
        groups: dict[tuple[str, ...], list[Owner]] = {}
        for owner in self.owners:
            names = tuple(owner.value(one) or UNALLOCATED for one in dimensions)
            groups.setdefault(names, []).append(owner)
        rows = {"/".join(names): self._row(names, dimensions, [owner.costs for owner in members])
                for names, members in groups.items()}  # fmt: skip
        for cluster, costs in self.idle.items():
            names = self._idle_names(cluster, len(dimensions))
            rows["/".join(names)] = self._row(names, dimensions, [costs])
        return json.dumps({"code": 200, "data": [rows]}).encode()

    def _idle_names(self, cluster: str, parts: int) -> tuple[str, ...]:
        ways = {"cluster": (cluster, IDLE), "joined": (IDLE,), "each": (IDLE,) * parts}
        return ways[self.idle_key]

    def _row(
        self, names: Sequence[str], dimensions: Sequence[str], costs: Iterable[Costs]
    ) -> dict[str, Any]:
        start, end = str(WINDOW).split(",")
        span = {"start": start, "end": end}
        row = {**Costs(*map(sum, zip(*costs, strict=True))).row(), "window": span, **span}
        own = zip(dimensions, names, strict=False)
        plain = {dimension: name for dimension, name in own
                 if ":" not in dimension and name != UNALLOCATED}  # fmt: skip
        return row | {"properties": plain} if self.has_properties else row

    def read(self, levels: Iterable[str]) -> list[Answer]:
        """The answers to all queries that the levels need."""
        return [self.asked(query) for query in queries(map(Level.parse, levels))]

    def asked(self, query: Query) -> Answer:
        table = decoded(self.answer(query.dimensions), query.dimensions)
        return read(query, table, WINDOW, NOW)


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    owners = draw(st.lists(_PODS, min_size=1, max_size=10))
    owners += draw(st.lists(_UNMOUNTED, max_size=2))
    clusters = sorted({owner.cluster for owner in owners})
    idle = {cluster: draw(_COSTS) for cluster in clusters}
    sign = draw(st.sampled_from([1, 1, -1]))
    idle = {cluster: Costs(sign * it.cpu, 0, it.ram) for cluster, it in idle.items()}
    ways = ["cluster"] if len(clusters) > 1 else ["cluster", "joined", "each"]
    return Truth(owners, idle, draw(st.sampled_from(ways)), draw(st.booleans()))
