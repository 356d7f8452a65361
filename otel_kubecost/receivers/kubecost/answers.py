"""The answers of one scrape to the metrics of each cluster, held against one another. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import Metric

from otel_kubecost.receivers.kubecost.assets import Nodes
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.costs import ROUNDING, cost
from otel_kubecost.receivers.kubecost.dimensions import Level, Query
from otel_kubecost.receivers.kubecost.identity import EXTERNAL, IDLE, UNMOUNTED
from otel_kubecost.receivers.kubecost.levels import ClusterRows, Lacking, Objects, by_cluster
from otel_kubecost.receivers.kubecost.measures import EFFICIENCIES
from otel_kubecost.receivers.kubecost.metrics import (
    WANTED,
    cluster_metrics,
    object_metrics,
    unallocated_metrics,
)
from otel_kubecost.receivers.kubecost.projection import Projection
from otel_kubecost.receivers.kubecost.table import RowTable
from otel_kubecost.receivers.kubecost.unit import Unit
from otel_kubecost.receivers.kubecost.usage import ClusterUsage
from otel_kubecost.receivers.kubecost.window import Window

_SLACK = 1e-3
"""The part of a total by which answers that were made apart may differ: a late correction."""


class Answer(NamedTuple):
    query: Query
    table: RowTable
    clusters: dict[str, ClusterRows]
    is_used_up: bool = False
    """The only cluster's metrics may let go what is large as they are made of it."""

    def of(self, cluster: str) -> ClusterRows:
        """Its part; without rows where the answer has none of it."""
        return self.clusters.get(cluster) or ClusterRows(self.table)


def read(query: Query, table: RowTable, window: Window, now: float) -> Answer:
    return Answer(query, table, by_cluster(table, window, now))


def projection(
    query: Query, options: KubecostReceiverOptions, *, is_first: bool = False
) -> Projection:
    """What the metrics of the levels of ``query`` are made of.

    The times are those of the first answer. The cluster's metrics, usage and prices take all.
    """
    if options.usage_metrics or Level("cluster") in query.levels:
        return Projection(query.dimensions, spans=is_first)
    wanted = {"total_cost"}  # by which answers are held against one another
    for level in query.levels:
        wanted.update(_wanted(level.name, options))
    for which, weights in EFFICIENCIES.items():
        if f"{which}_efficiency" in wanted:
            wanted.update(f"{part}_cost" for part in weights)
    return Projection(query.dimensions, tuple(sorted(wanted)), spans=is_first)


def _wanted(level: str, options: KubecostReceiverOptions) -> Collection[str]:
    return options.pod_metrics if level == "pod" else WANTED[level]


def cluster_batch(
    cluster: str,
    answers: Sequence[Answer],
    options: KubecostReceiverOptions,
    currency: str,
    nodes: Nodes | None = None,
) -> Iterator[Metric]:
    """A cluster's metrics of all levels, over the hours that its first answer spans.

    ``nodes``: the cluster's, where they are known; usage metrics tell spot nodes and idle by them.
    """
    first = answers[0]
    rows = first.clusters[cluster]
    unit = Unit(currency, rows.coverage.hours, hourly=options.hourly)
    usage = _usage(cluster, answers, nodes) if options.usage_metrics else None
    levels = [level for answer in answers for level in answer.query.levels]
    if Level("cluster") in levels:
        namespaces = rows.objects(first.query, Level("namespace"))
        without_idle = first.table.without_idle
        had = usage.of_cluster() if usage else None
        yield from cluster_metrics(rows, namespaces, unit, without_idle=without_idle, usage=had)
    names = list(dict.fromkeys(level.name for level in levels if level.name != "cluster"))
    for name in names:
        objects, unallocated = _of_level(name, cluster, answers, is_last=name == names[-1])
        had_by_name, lacking = usage.of_level(name) if usage else (None, None)
        # What no namespace has is the cluster's: cluster_unallocated_cost.
        of_none = unallocated_metrics(name, unallocated, unit, lacking)
        others = list(of_none) if name != "namespace" else []
        yield from object_metrics(name, objects, unit, _wanted(name, options), had_by_name)
        yield from others


def _usage(cluster: str, answers: Iterable[Answer], nodes: Nodes | None) -> ClusterUsage:
    parts = [(answer.query, answer.of(cluster)) for answer in answers]
    return ClusterUsage(parts, nodes)


def _of_level(
    name: str, cluster: str, answers: Sequence[Answer], *, is_last: bool
) -> tuple[list[Objects], dict[str, Lacking]]:
    """The level's objects, and by label or annotation what has none."""
    objects: list[Objects] = []
    lacking: dict[str, Lacking] = {}
    known = answers[0].clusters[cluster].of_kind(UNMOUNTED)
    for answer in answers:
        rows = answer.of(cluster)
        unmounted = rows.of_kind(UNMOUNTED)
        levels = [level for level in answer.query.levels if level.name == name]
        for level in levels:
            found = rows.objects(answer.query, level)
            lets_go = is_last and answer.is_used_up and len(levels) == 1
            objects.append(found._replace(groups=replace(found.groups, lets_go=lets_go)))
            lacking[level.key] = Lacking(found.unallocated, unmounted, known)
    return objects, lacking


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Whether the objects of some levels, with what belongs to none, cost what the cluster does."""

    cluster: str
    levels: str
    difference: float
    """The levels' sum less the cluster's total: per hour, or in the window where costs are."""
    tolerance: float

    @property
    def holds(self) -> bool:
        return abs(self.difference) <= self.tolerance


def reconciliations(answers: Sequence[Answer], *, hourly: bool = True) -> list[Reconciliation]:
    """Each finer answer against the first one, cluster by cluster, where both sums are known."""
    first, *finer = answers
    return [
        found
        for answer in finer
        if answer.query.levels
        for cluster in first.clusters
        if (found := _reconciled(cluster, first, answer, hourly=hourly)) is not None
    ]


def _reconciled(
    cluster: str, first: Answer, finer: Answer, *, hourly: bool
) -> Reconciliation | None:
    # Idle counts only where both could have it.
    partial = first.table.without_idle or finer.table.without_idle
    but = {EXTERNAL, IDLE} if partial else {EXTERNAL}
    whole = first.clusters[cluster].every(but=but)
    parts = finer.of(cluster).every(but=but)
    total = cost(whole, "total")
    hours = first.clusters[cluster].coverage.hours if hourly else 1.0
    difference = (cost(parts, "total") or 0.0) - (total or 0.0)
    if total is None or not hours or not math.isfinite(difference):
        return None
    tolerance = (len(whole) + len(parts)) * ROUNDING + abs(total) * _SLACK
    levels = ", ".join(map(str, finer.query.levels))
    return Reconciliation(cluster, levels, difference / hours, tolerance / hours)
