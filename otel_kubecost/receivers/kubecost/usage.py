"""Rows to what was allocated: hours of cores, bytes and GPUs, and the part on spot nodes. Pure.

Allocation rows do not say whether their node is a spot node. The assets do, so of the rows of an
answer by node three sums are made: of all, of those on spot nodes, and of those on nodes whose kind
is not known. Idle rows have costs and no hours (opencost aggregation.go, computeIdleAllocations):
what was idle is what there was less what was allocated, which may be less than nothing.

As with costs, not knowing is NaN, and so is every sum that it enters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from otel_kubecost.receivers.kubecost.assets import NODE_HOURS, Nodes
from otel_kubecost.receivers.kubecost.dimensions import Level, Query
from otel_kubecost.receivers.kubecost.identity import EXTERNAL, IDLE, UNALLOCATED
from otel_kubecost.receivers.kubecost.levels import ClusterRows, Names
from otel_kubecost.receivers.kubecost.table import Rows

Usage: TypeAlias = Mapping[str, float]
"""Hours by resource, as metric names have it; left out is what is not reported."""

# The word for a resource in metric names: the row's field, and the cost that it causes.
RESOURCES = {
    "cpu_cores": ("cpu_core_hours", "cpu"),
    "ram_bytes": ("ram_byte_hours", "ram"),
    "gpus": ("gpu_hours", "gpu"),
    "pv_bytes": ("pv_byte_hours", "pv"),
}
WHOLE = "whole"
"""The key of all that a cluster had, beside those of its synthetic rows."""


def allocated(rows: Rows) -> dict[str, float]:
    """The hours of ``rows``, but for their part on spot nodes."""
    found = {resource: _hours(rows, *where) for resource, where in RESOURCES.items()}
    return {resource: hours for resource, hours in found.items() if hours is not None}


def _hours(rows: Rows, name: str, part: str) -> float | None:
    """A row that has the cost and reports no hours had some: nobody knows how many."""
    pairs = zip(rows.column(name), rows.column(f"{part}_cost"), strict=True)
    had = [math.nan if hours is None and cost else hours for hours, cost in pairs]
    reported = [hours for hours in had if hours is not None]
    return math.fsum(reported) if reported else None


def _with_spot(usage: Usage, every: Usage, spot: Usage, unknown: Usage) -> Usage:
    """``usage`` and its part on spot nodes: what ``spot`` is of ``every``, the same by node.

    A share, because ``usage`` may come of another answer: it is never more than all. Not known
    where any of it was on nodes of a kind that is not, which is ``unknown``.
    """
    found = dict(usage)
    for resource in usage.keys() & NODE_HOURS.keys():
        amounts = [heap.get(resource, 0.0) for heap in (every, spot, unknown)]
        found[f"spot_{resource}"] = _spot_part(usage[resource], *amounts)
    return found


def _spot_part(hours: float, every: float, spot: float, unknown: float) -> float:
    if hours == 0:
        return 0.0
    return math.nan if unknown or not every else hours * (spot / every)


@dataclass(frozen=True, slots=True)
class _ByNode:
    """A cluster's part of an answer that has the dimension ``node``, in heaps."""

    query: Query
    heaps: tuple[ClusterRows, ...]
    """All rows, those on spot nodes, those on nodes whose kind is not known."""

    @classmethod
    def of(cls, query: Query, rows: ClusterRows, nodes: Nodes) -> _ByNode:
        (at,) = query.positions(Level("node"))
        names = rows.table.names[at + 1]
        spot = {row for row in rows.named if nodes.kinds.get(names[row]) is True}
        unknown = {row for row in rows.named if nodes.kinds.get(names[row]) is None}
        return cls(query, (rows, rows.select(spot), rows.select(unknown)))

    def usages(self, level: Level) -> list[tuple[dict[Names, Usage], Usage]]:
        """In each of the heaps, of the objects of ``level`` and of what is none."""
        return [_usages(heap, self.query, level) for heap in self.heaps]


def _usages(rows: ClusterRows, query: Query, level: Level) -> tuple[dict[Names, Usage], Usage]:
    found = rows.objects(query, level)
    had: dict[Names, Usage] = {name: allocated(of) for name, of in found.items()}
    return had, allocated(found.unallocated)


class ClusterUsage:
    """What one cluster's objects had, level by level; ``answers`` are its parts of them."""

    def __init__(self, answers: Sequence[tuple[Query, ClusterRows]], nodes: Nodes | None) -> None:
        self._answers = answers
        self._nodes = nodes
        self._by_node = {
            query: _ByNode.of(query, rows, nodes)
            for query, rows in answers
            if nodes is not None and "node" in query.dimensions
        }

    def of_level(self, name: str) -> tuple[dict[Names, Usage], dict[str, Usage]]:
        """Of each object, and by label or annotation of what has none."""
        objects: dict[Names, Usage] = {}
        unallocated: dict[str, Usage] = {}
        for query, rows in self._answers:
            for level in query.levels:
                if level.name == name:
                    had, unallocated[level.key] = self._level(query, rows, level)
                    objects |= had
        return objects, unallocated

    def of_cluster(self) -> dict[str, Usage]:
        """By kind of its synthetic rows, of no namespace, and of all under ``WHOLE``."""
        query, rows = self._answers[0]
        namespaces, lacking = self._level(query, rows, Level("namespace"))
        groups: dict[str, Usage] = {UNALLOCATED: lacking}
        for kind, of_kind in rows.synthetic.items():
            if kind not in {IDLE, EXTERNAL}:
                groups[kind] = self._synthetic(of_kind)
        if IDLE in rows.synthetic:
            taken = _sum([*namespaces.values(), *groups.values()])
            groups[IDLE] = _idle(rows.synthetic[IDLE], self._nodes, taken)
        return {WHOLE: _sum([*namespaces.values(), *groups.values()]), **groups}

    def _level(
        self, query: Query, rows: ClusterRows, level: Level
    ) -> tuple[dict[Names, Usage], Usage]:
        had, lacking = _usages(rows, query, level)
        by_node = self._by_node.get(query) or next(iter(self._by_node.values()), None)
        if by_node is None:
            return had, lacking
        heaps, unallocated = zip(*by_node.usages(level), strict=True)
        with_spot = {
            name: _with_spot(usage, *(heap.get(name, {}) for heap in heaps))
            for name, usage in had.items()
        }
        return with_spot, _with_spot(lacking, *unallocated)

    def _synthetic(self, rows: Rows) -> Usage:
        """Such rows are on no node: spot or not is known only of what had none."""
        usage = allocated(rows)
        return _with_spot(usage, {}, {}, {}) if self._by_node else usage


def _idle(rows: Rows, nodes: Nodes | None, taken: Usage) -> Usage:
    """Volumes are idle only where rows say so: they are no part of a node."""
    volumes = {name: hours for name, hours in allocated(rows).items() if name not in NODE_HOURS}
    if nodes is None:
        return volumes | dict.fromkeys(NODE_HOURS, math.nan)
    there = nodes.capacity | {f"spot_{name}": had for name, had in nodes.spot_capacity.items()}
    return volumes | {name: had - taken.get(name, 0.0) for name, had in there.items()}


def _sum(usages: Sequence[Usage]) -> dict[str, float]:
    names = dict.fromkeys(name for usage in usages for name in usage)
    return {name: math.fsum(one[name] for one in usages if name in one) for name in names}
