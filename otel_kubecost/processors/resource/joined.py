"""Resources that became the same, with their scopes and metrics, made one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeVar

from opentelemetry.sdk.metrics.export import Metric, ResourceMetrics, ScopeMetrics

from otel_kubecost.pdata import TargetScope
from otel_kubecost.processors.editing.joining import joined, kind_of
from otel_kubecost.processors.editing.points import left_of

T = TypeVar("T")
R = TypeVar("R")


def joined_resources(
    resources: Iterable[ResourceMetrics],
) -> tuple[list[ResourceMetrics], set[str]]:
    """``resources``, each once; and the names of metrics of which series had to be left out."""
    lost: set[str] = set()

    def metric(same: Sequence[Metric]) -> Metric | None:
        folded = joined(same)
        lost.update({same[0].name} if folded.lost else ())
        return left_of(same[0], folded)

    def scope(same: Sequence[ScopeMetrics]) -> ScopeMetrics:
        metrics = chain.from_iterable(one.metrics for one in same)
        each = _each_once(metrics, lambda one: (one.name, kind_of(one)), metric)
        return replace(same[0], metrics=[one for one in each if one])

    def resource(same: Sequence[ResourceMetrics]) -> ResourceMetrics:
        scopes = chain.from_iterable(one.scope_metrics for one in same)
        each = _each_once(scopes, _scope_of, scope)
        return replace(same[0], scope_metrics=list(each))

    each = _each_once(resources, lambda one: (one.resource, one.schema_url), resource)
    return list(each), lost


def _scope_of(one: ScopeMetrics) -> Hashable:
    """Two targets stay two scopes: each lacks other series, which have ended then."""
    target = one.scope.target if isinstance(one.scope, TargetScope) else None
    return one.scope, target, one.schema_url


def _each_once(
    items: Iterable[T], key: Callable[[T], Hashable], join: Callable[[Sequence[T]], R]
) -> Iterator[T | R]:
    """``items``, of those with the same key what ``join`` makes of them."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return (join(group) if len(group) > 1 else group[0] for group in groups.values())
