"""A Kubecost in front of a simulated cluster, with the paths and refusals of a real one."""

from __future__ import annotations

from typing import Any

from otel_kubecost.clock import Clock, floor_mark
from otel_kubecost.testing.assets import node_assets
from otel_kubecost.testing.cluster import SimulatedCluster
from otel_kubecost.testing.dialect import FINEST, Rows, envelope, one_page, spoken
from otel_kubecost.testing.exchange import Reply
from otel_kubecost.testing.faults import empty_set_error
from otel_kubecost.testing.flavours import TRAITS, Flavour, Traits
from otel_kubecost.testing.kubecost import AllocationQuery, FakeKubecost
from otel_kubecost.testing.workloads import DAY, HOUR

_HOURLY_FOR = 49 * HOUR
"""Kubecost keeps hourly sets for so long; longer windows come in sets of a day."""


class SimulatedKubecost(FakeKubecost):
    """Answers every allocation query with what ``cluster`` has cost until the time of ``clock``.

    A part of the window that lies in the future is ``null`` (``{}`` of OpenCost), as an hour is
    that has not been computed yet. Without ``accumulate=true`` Kubecost has one set for each hour
    (of a window longer than 49 hours: each day) and OpenCost one in all.

    With ``lag``, Kubecost has an hour so many seconds after its end and nothing of it before;
    OpenCost, which computes when it is asked, knows what is so many seconds old.

    Faults may be scripted as for any ``FakeKubecost``.
    """

    def __init__(
        self,
        cluster: SimulatedCluster,
        clock: Clock,
        *,
        flavour: Flavour = Flavour.KUBECOST,
        currency: str = "USD",
        lag: float = 0.0,
    ) -> None:
        super().__init__(self.compute, flavour=flavour, assets=self.nodes, currency=currency)
        self.lag = lag
        self._cluster = cluster
        self._clock = clock

    def compute(self, query: AllocationQuery) -> dict[str, Any] | Reply:
        """The answer to ``query`` as its flavour gives it. Raises ValueError for a refusal."""
        traits = TRAITS[self.flavour]
        sets = [self._set(query, *span) for span in _sets(query, traits)]
        if traits.is_kubecost:
            return envelope([rows or None for rows in sets], traits)
        if query.accumulate and not all(sets):
            return empty_set_error(Reply())
        return envelope(sets, traits)

    def nodes(self, query: AllocationQuery) -> dict[str, Any]:
        """The answer of the assets API."""
        traits = TRAITS[self.flavour]
        assets = node_assets(self._cluster, query.start, query.end, now=self._known_until)
        return envelope([assets] if traits.is_kubecost else assets, traits)

    def _set(self, query: AllocationQuery, start: int, end: int) -> Rows:
        traits = TRAITS[self.flavour]
        aggregate = query.aggregate or traits.default_aggregate
        rows = self._rows(query, start, end, aggregate)
        finest = None
        if rows and not traits.own_properties:
            finest = self._rows(query, start, end, (*aggregate, *FINEST))
        return one_page(spoken(rows, aggregate, traits, finest), query.limit, query.offset)

    def _rows(
        self, query: AllocationQuery, start: int, end: int, aggregate: tuple[str, ...]
    ) -> Rows:
        return self._cluster.allocations(
            start, end, aggregate, idle=query.idle, now=self._known_until
        )

    @property
    def _known_until(self) -> float:
        settled = self._clock.time() - self.lag
        by_hour = self.lag and TRAITS[self.flavour].is_kubecost
        return floor_mark(settled, HOUR) if by_hour else settled


def _sets(query: AllocationQuery, traits: Traits) -> list[tuple[int, int]]:
    if query.accumulate or not traits.is_kubecost:
        return [(query.start, query.end)]
    step = HOUR if query.end - query.start <= _HOURLY_FOR else DAY
    first = query.start - query.start % step
    return [
        (max(query.start, at), min(query.end, at + step)) for at in range(first, query.end, step)
    ]
