"""One resource once, and in it one scope once: what exporters of the SDK rely on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics, ScopeMetrics

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def coalesced(data: MetricsData) -> MetricsData:
    """``data`` with one ResourceMetrics for each Resource and, in it, one ScopeMetrics a scope.

    Empty metrics, scopes and resources are left out, parts that make no point among them; the rest
    keeps its order, and its points are the same objects. OpenTelemetry's OTLP encoder keys a dict
    by resource and another one by scope: of two that are equal it sends the last alone. Metrics it
    appends, and other exporters group points by name, so two metrics of one name may stay apart.
    """
    groups = _grouped(data.resource_metrics, lambda one: one.resource)
    found = [_resource(same) for same in groups]
    return MetricsData([one for one in found if one.scope_metrics])


def _resource(same: Sequence[ResourceMetrics]) -> ResourceMetrics:
    first = same[0]
    scopes = (of_scope for one in same for of_scope in one.scope_metrics)
    found = [_scope(group) for group in _grouped(scopes, lambda one: one.scope)]
    return ResourceMetrics(first.resource, [one for one in found if one.metrics], first.schema_url)


def _scope(same: Sequence[ScopeMetrics]) -> ScopeMetrics:
    metrics = [metric for one in same for metric in one.metrics if len(metric.data.data_points)]
    return ScopeMetrics(same[0].scope, metrics, same[0].schema_url)


def _grouped(items: Iterable[T], key: Callable[[T], K]) -> Iterable[list[T]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups.values()
