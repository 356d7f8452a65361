"""Rows to objects: which cluster, namespace or pod a row is about. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from otel_kubecost.receivers.kubecost.allocation import (
    UNMOUNTED,
    Allocations,
    Row,
    identity,
    synthetic,
)
from otel_kubecost.receivers.kubecost.coverage import Coverage, span_of
from otel_kubecost.receivers.kubecost.window import Window


@dataclass(slots=True)
class ClusterRows:
    """One cluster's part of an answer."""

    objects: dict[tuple[str, ...], list[Row]] = field(default_factory=dict)
    """Rows of each object; several where the answer has several sets."""
    synthetic: dict[str, list[Row]] = field(default_factory=dict)
    """Rows that are no object: ``__idle__``, ``__unallocated__``, ``__unmounted__``..."""
    coverage: Coverage = field(default_factory=Coverage)

    def object_rows(self) -> list[Row]:
        return [row for rows in self.objects.values() for row in rows]

    def all_rows(self, *, but: str | None = None) -> list[Row]:
        """Rows of every kind, save that of ``but``."""
        others = [rows for kind, rows in self.synthetic.items() if kind != but]
        return self.object_rows() + [row for rows in others for row in rows]

    def add(self, names: tuple[str, ...], kind: str | None, row: Row) -> None:
        if kind is None:
            self.objects.setdefault(names, []).append(row)
        else:
            self.synthetic.setdefault(kind, []).append(row)

    def join(self, other: ClusterRows) -> None:
        for names, rows in other.objects.items():
            self.objects.setdefault(names, []).extend(rows)
        for kind, rows in other.synthetic.items():
            self.synthetic.setdefault(kind, []).extend(rows)
        for step, span in other.coverage.spans.items():
            self.coverage.widen(step, span)


def by_cluster(
    allocations: Allocations, dimensions: Sequence[str], window: Window, now: float
) -> dict[str, ClusterRows]:
    """An answer's rows by cluster and object; ``dimensions`` are those asked for, cluster first.

    Rows that name no cluster (Kubecost 3 has one idle row, ``__idle__/__idle__``) belong to the
    only cluster that the answer has; among several they stand apart under the empty name.
    """
    clusters: dict[str, ClusterRows] = {}
    for step, rows in enumerate(allocations.sets):
        for key, row in rows.items():
            cluster, *names = identity(key, row, dimensions)
            unnamed = cluster.startswith("__") and cluster.endswith("__")
            group = clusters.setdefault("" if unnamed else cluster, ClusterRows())
            kind = synthetic(key, names)
            group.add(tuple(names), kind, row)
            # A volume that no pod mounts spans any window, also one older than the data.
            span = None if kind == UNMOUNTED else span_of(row, now)
            if span:
                group.coverage.widen(step, span)
    _join_unnamed(clusters)
    for group in clusters.values():
        _cover(group, window, now)
    return clusters


def _cover(group: ClusterRows, window: Window, now: float) -> None:
    """Where no row says what it spans, unmounted volumes do, and else the window asked for."""
    if not group.coverage.spans:
        for row in group.all_rows():
            group.coverage.widen(0, span_of(row, now) or (window.start, window.end))


def _join_unnamed(clusters: dict[str, ClusterRows]) -> None:
    named = [name for name in clusters if name]
    if "" in clusters and len(named) == 1:
        clusters[named[0]].join(clusters.pop(""))
