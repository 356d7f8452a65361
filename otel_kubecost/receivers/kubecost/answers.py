"""The answers of one scrape to the metrics of each cluster, held against one another. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import Metric

from otel_kubecost.receivers.kubecost.allocation import Allocations
from otel_kubecost.receivers.kubecost.assets import Nodes
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.costs import ROUNDING, cost
from otel_kubecost.receivers.kubecost.dimensions import Level, Query
from otel_kubecost.receivers.kubecost.identity import EXTERNAL, IDLE, UNMOUNTED
from otel_kubecost.receivers.kubecost.levels import ClusterRows, Lacking, Names, by_cluster
from otel_kubecost.receivers.kubecost.metrics import (
    WANTED,
    Unit,
    cluster_metrics,
    object_metrics,
    unallocated_metrics,
)
from otel_kubecost.receivers.kubecost.rows import Row
from otel_kubecost.receivers.kubecost.usage import ClusterUsage
from otel_kubecost.receivers.kubecost.window import Window

_SLACK = 1e-3
"""The part of a total by which answers that were made apart may differ: a late correction."""


class Answer(NamedTuple):
    query: Query
    allocations: Allocations
    clusters: dict[str, ClusterRows]

    def of(self, cluster: str) -> ClusterRows:
        """Its part; without rows where the answer has none of it."""
        return self.clusters.get(cluster, ClusterRows())


def read(query: Query, allocations: Allocations, window: Window, now: float) -> Answer:
    return Answer(query, allocations, by_cluster(allocations, query.dimensions, window, now))


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
        without_idle = first.allocations.without_idle
        had = usage.of_cluster() if usage else None
        yield from cluster_metrics(rows, namespaces, unit, without_idle=without_idle, usage=had)
    wanted = {**WANTED, "pod": options.pod_metrics}
    for name in dict.fromkeys(level.name for level in levels if level.name != "cluster"):
        objects, unallocated = _of_level(name, cluster, answers)
        had_by_name, lacking = usage.of_level(name) if usage else (None, None)
        yield from object_metrics(name, objects, unit, wanted[name], had_by_name)
        if name != "namespace":  # theirs is the cluster's: cluster_unallocated_cost
            yield from unallocated_metrics(name, unallocated, unit, lacking)


def _usage(cluster: str, answers: Iterable[Answer], nodes: Nodes | None) -> ClusterUsage:
    parts = [(answer.query, answer.of(cluster)) for answer in answers]
    return ClusterUsage(parts, nodes)


def _of_level(
    name: str, cluster: str, answers: Sequence[Answer]
) -> tuple[dict[Names, Sequence[Row]], dict[str, Lacking]]:
    """Objects by their names, and by label or annotation what has none."""
    objects: dict[Names, Sequence[Row]] = {}
    lacking: dict[str, Lacking] = {}
    known = answers[0].clusters[cluster].synthetic.get(UNMOUNTED, [])
    for answer in answers:
        rows = answer.of(cluster)
        unmounted = rows.synthetic.get(UNMOUNTED, [])
        for level in answer.query.levels:
            if level.name == name:
                found = rows.objects(answer.query, level)
                objects.update(found.rows)
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
    partial = first.allocations.without_idle or finer.allocations.without_idle
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
