"""One scrape: the queries that the levels need, over one window, to one set of metrics [I/O]."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from opentelemetry.sdk.metrics.export import Metric, MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.attributes import CLUSTER, NAMESPACE, POD, TENANT
from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.pdata import metrics_of
from otel_kubecost.receivers.kubecost.allocation import (
    UNALLOCATED,
    Allocations,
    EmptySetError,
)
from otel_kubecost.receivers.kubecost.client import KubecostClient
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.levels import ClusterRows, by_cluster
from otel_kubecost.receivers.kubecost.metrics import Unit, cluster_metrics, object_metrics
from otel_kubecost.receivers.kubecost.window import Window, plan

Dimensions: TypeAlias = tuple[str, ...]
# Cluster comes first in each query: names are unique within a cluster only.
NAMESPACES: Dimensions = ("cluster", "namespace")
PODS: Dimensions = ("cluster", "namespace", "pod")

MOST_HOURS_BACK = 3
"""How many hours without data are stepped over before the answer is that there is none."""


@dataclass(frozen=True, slots=True)
class Scrape:
    """What one scrape found."""

    mark: float
    """When it was made, in seconds since the epoch."""
    data: MetricsData
    """Without a time yet: every mark stamps a copy."""
    window: Window
    namespaces: int
    data_through: float
    """Seconds since the epoch: the end of the newest data."""
    hours: float
    """What the window's costs were divided by; of several clusters the most."""
    null_rows: int
    lenient_rows: int


def scrape(
    client: KubecostClient,
    options: KubecostReceiverOptions,
    scope: InstrumentationScope,
    now: float,
) -> Scrape:
    """Ask for every level. Raises NoDataError or ScrapeError unless all of them answer."""
    first, *others = _queries(options.levels)
    window, answer = _newest(client, plan(now, options.window, options.settle_delay), first)
    answers = {first: answer} | {query: _ask(client, window, query) for query in others}
    clusters = {
        query: by_cluster(allocations, query, window, now) for query, allocations in answers.items()
    }
    names = _cluster_names(clusters[first], options.cluster_name)
    coverages = [rows.coverage for rows in clusters[first].values()]
    resources = [
        metrics_of(
            {TENANT: options.tenant_id, CLUSTER: names[cluster]},
            [(scope, list(_metrics(cluster, clusters, first, options)))],
        )
        for cluster in sorted(clusters[first])
    ]
    if not any(metrics for one in resources for metrics in one.scope_metrics[0].metrics):
        raise ScrapeError("No cost in Kubecost's answer can be read; is it of another version?")
    return Scrape(
        mark=now,
        data=MetricsData(resource_metrics=resources),
        window=window,
        namespaces=len({names[:1] for rows in clusters[first].values() for names in rows.objects}),
        data_through=max(coverage.through for coverage in coverages),
        hours=max(coverage.hours for coverage in coverages),
        null_rows=sum(allocations.null_rows for allocations in answers.values()),
        lenient_rows=sum(allocations.lenient_rows for allocations in answers.values()),
    )


def _queries(levels: Sequence[str]) -> list[Dimensions]:
    """The namespaces' answer serves the cluster as well: its total is then their sum."""
    queries = [NAMESPACES] if {"cluster", "namespace"} & set(levels) else []
    return [*queries, PODS] if "pod" in levels else queries


def _newest(
    client: KubecostClient, window: Window, query: Dimensions
) -> tuple[Window, Allocations]:
    """The newest window that has data: hours that are not there yet are stepped over."""
    for hours in range(MOST_HOURS_BACK):
        try:
            return window.earlier(hours), _ask(client, window.earlier(hours), query)
        except NoDataError:
            continue
    last = window.earlier(MOST_HOURS_BACK)
    return last, _ask(client, last, query)


def _ask(client: KubecostClient, window: Window, query: Dimensions) -> Allocations:
    try:
        return client.allocations(window, query)
    except EmptySetError:
        return client.allocations(window, query, accumulate=False)


def _cluster_names(clusters: Mapping[str, ClusterRows], display_name: str) -> dict[str, str]:
    """One cluster goes by the configured name, several by the names that Kubecost has for them.

    Among several, what names none belongs to none of them.
    """
    if len(clusters) == 1:
        return dict.fromkeys(clusters, display_name)
    return {cluster: cluster or UNALLOCATED for cluster in clusters}


def _metrics(
    cluster: str,
    clusters: Mapping[Dimensions, Mapping[str, ClusterRows]],
    first: Dimensions,
    options: KubecostReceiverOptions,
) -> Iterator[Metric]:
    """A cluster's metrics of all levels, over the hours that its first answer spans."""
    rows = clusters[first][cluster]
    unit = Unit(options.currency, rows.coverage.hours, hourly=options.metric_mode == "rate")
    if "cluster" in options.levels:
        yield from cluster_metrics(rows, unit)
    if "namespace" in options.levels:
        yield from object_metrics("namespace", (NAMESPACE,), rows.objects, unit)
    if "pod" in options.levels and cluster in clusters[PODS]:
        pods = clusters[PODS][cluster].objects
        yield from object_metrics("pod", (NAMESPACE, POD), pods, unit, options.pod_metrics)
