"""A Kubecost in front of a simulated cluster, with the paths and refusals of a real one."""

from __future__ import annotations

from typing import Any

from otel_kubecost.clock import Clock
from otel_kubecost.testing.cluster import Row, SimulatedCluster
from otel_kubecost.testing.kubecost import AllocationQuery, FakeKubecost
from otel_kubecost.testing.workloads import DAY, HOUR

_HOURLY_FOR = 49 * HOUR
"""Kubecost keeps hourly sets for so long; longer windows come in sets of a day."""


class SimulatedKubecost(FakeKubecost):
    """Answers every allocation query with what ``cluster`` has cost until the time of ``clock``.

    A part of the window that lies in the future is ``null``, as an hour is that Kubecost has not
    computed yet. Without ``accumulate=true`` there is one set for each hour (of a window longer
    than 49 hours: each day). Faults may be scripted as for any ``FakeKubecost``.
    """

    def __init__(self, cluster: SimulatedCluster, clock: Clock) -> None:
        super().__init__(self._compute)
        self._cluster = cluster
        self._clock = clock

    def _compute(self, query: AllocationQuery) -> dict[str, Any]:
        return {"code": 200, "data": [self._set(query, *span) for span in _sets(query)]}

    def _set(self, query: AllocationQuery, start: int, end: int) -> dict[str, Row] | None:
        aggregate = query.aggregate or ("namespace",)
        rows = self._cluster.allocations(
            start, end, aggregate, idle=query.idle, now=self._clock.time()
        )
        return rows or None


def _sets(query: AllocationQuery) -> list[tuple[int, int]]:
    if query.accumulate:
        return [(query.start, query.end)]
    step = HOUR if query.end - query.start <= _HOURLY_FOR else DAY
    first = query.start - query.start % step
    return [
        (max(query.start, at), min(query.end, at + step)) for at in range(first, query.end, step)
    ]
