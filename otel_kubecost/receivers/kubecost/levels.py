"""Rows to objects: which cluster a row is of, and which object at each level. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from otel_kubecost.receivers.kubecost.allocation import Allocations
from otel_kubecost.receivers.kubecost.costs import ROUNDING, cost
from otel_kubecost.receivers.kubecost.coverage import Coverage, span_of, window_of
from otel_kubecost.receivers.kubecost.dimensions import Level, Query
from otel_kubecost.receivers.kubecost.identity import (
    UNALLOCATED,
    UNMOUNTED,
    identity,
    is_named,
    synthetic,
)
from otel_kubecost.receivers.kubecost.rows import Row
from otel_kubecost.receivers.kubecost.window import Window

Names: TypeAlias = tuple[str, ...]


class Objects(NamedTuple):
    """What a cluster has at one level."""

    rows: Mapping[Names, Sequence[Row]]
    """By the object's names. Several where the answer has several sets, or is a finer one."""
    unallocated: Sequence[Row]
    """Rows that lack the level: a pod without a controller, a namespace without the label."""

    def every(self) -> list[Row]:
        """The rows of all objects."""
        return [row for rows in self.rows.values() for row in rows]


class Lacking(NamedTuple):
    """What no object of a level has, in an answer that is finer than the cluster's own."""

    rows: Sequence[Row]
    unmounted: Sequence[Row]
    """Volumes that no pod mounts, as this answer tells them..."""
    known: Sequence[Row]
    """...and as the cluster's answer does, whose metric of them is published. By node or label
    alone such volumes are ``__unallocated__``, by namespace alone some are the namespace's."""

    def total(self) -> float | None:
        """In currency; NaN where it is not known, None where there is nothing to tell."""
        if not self.rows and not self.unmounted:
            return None
        amounts = [cost(rows, "total") or 0.0 for rows in (self.rows, self.unmounted, self.known)]
        total = amounts[0] + amounts[1] - amounts[2]
        rounding = sum(map(len, self)) * ROUNDING if self.known else 0.0
        if abs(total) > rounding or math.isnan(total) or not self.known:
            return total
        return 0.0 if self.rows else None


@dataclass(slots=True)
class ClusterRows:
    """One cluster's part of an answer."""

    named: list[tuple[Names, Row]] = field(default_factory=list)
    """Rows of objects, with a name for each dimension behind the cluster."""
    synthetic: dict[str, list[Row]] = field(default_factory=dict)
    """Rows that are no object at any level: ``__idle__``, ``__unmounted__``..."""
    coverage: Coverage = field(default_factory=Coverage)
    spanless: list[tuple[int, Row]] = field(default_factory=list)
    """Rows that span no time, with the number of their set."""
    volumes: list[tuple[int, Row]] = field(default_factory=list)
    """Likewise those of volumes that no pod mounts."""

    def objects(self, query: Query, level: Level) -> Objects:
        """The objects of one of the levels that ``query``, whose answer this is, has asked for."""
        positions = query.positions(level)
        objects: dict[Names, list[Row]] = {}
        unallocated: list[Row] = []
        for names, row in self.named:
            name = tuple(names[position] for position in positions)
            if all(map(is_named, name)):
                objects.setdefault((level.key, *name) if level.key else name, []).append(row)
            else:
                unallocated.append(row)
        return Objects(objects, unallocated)

    def every(self, *, but: Collection[str] = ()) -> list[Row]:
        """Rows of every kind, save those of ``but``."""
        others = [row for kind, rows in self.synthetic.items() if kind not in but for row in rows]
        return [row for _, row in self.named] + others

    def add(self, names: Names, kind: str | None, row: Row) -> None:
        if kind is None:
            self.named.append((names, row))
        else:
            self.synthetic.setdefault(kind, []).append(row)

    def join(self, other: ClusterRows) -> None:
        self.named += other.named
        for kind, rows in other.synthetic.items():
            self.synthetic.setdefault(kind, []).extend(rows)
        self.spanless += other.spanless
        self.volumes += other.volumes
        for step, span in other.coverage.spans.items():
            self.coverage.widen(step, span)


def by_cluster(
    allocations: Allocations, dimensions: Sequence[str], window: Window, now: float
) -> dict[str, ClusterRows]:
    """An answer's rows by cluster; ``dimensions`` are those asked for, cluster first.

    Rows that name no cluster (Kubecost 3 has one idle row, ``__idle__/__idle__``) belong to the
    only cluster that the answer has; among several they stand apart under the empty name.
    """
    clusters: dict[str, ClusterRows] = {}
    for step, rows in enumerate(allocations.sets):
        for key, row in rows.items():
            cluster, *names = identity(key, row, dimensions)
            group = clusters.setdefault(cluster if is_named(cluster) else "", ClusterRows())
            kind = synthetic(key, names)
            group.add(tuple(names), kind, row)
            # A volume that no pod mounts spans any window, also one older than the data.
            if kind == UNMOUNTED:
                group.volumes.append((step, row))
            elif span := span_of(row, now):
                group.coverage.widen(step, span)
            else:
                group.spanless.append((step, row))
    _join_unnamed(clusters)
    for group in clusters.values():
        _cover(group, window, now)
    return clusters


def _cover(group: ClusterRows, window: Window, now: float) -> None:
    """A set with costs whose rows span no time spans their windows, or the window asked for.

    Where no set has any, unmounted volumes say it.
    """
    covered = set(group.coverage.spans)
    costly = [(step, row) for step, row in group.spanless if cost([row], "total") != 0]
    rows = [(step, row) for step, row in costly if step not in covered]
    rows = rows if covered or rows else group.volumes or group.spanless
    for step, row in rows:
        span = span_of(row, now) or window_of(row, now) or (window.start, window.end)
        group.coverage.widen(step, span)


def _join_unnamed(clusters: dict[str, ClusterRows]) -> None:
    named = [name for name in clusters if name]
    if "" in clusters and len(named) == 1:
        clusters[named[0]].join(clusters.pop(""))


def display_names(clusters: Mapping[str, ClusterRows], configured: str) -> dict[str, str]:
    """One cluster goes by the configured name, several by the names that Kubecost has for them.

    Among several, what names none belongs to none of them.
    """
    if len(clusters) == 1:
        return dict.fromkeys(clusters, configured)
    return {cluster: cluster or UNALLOCATED for cluster in clusters}
