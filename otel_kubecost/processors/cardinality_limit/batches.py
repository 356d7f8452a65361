"""A batch with fewer pods. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData
from opentelemetry.sdk.resources import Resource

from otel_kubecost.pdata import PointColumns, each_metric, each_scope, map_scopes
from otel_kubecost.processors.cardinality_limit.fold import limited
from otel_kubecost.processors.cardinality_limit.growth import counts
from otel_kubecost.processors.cardinality_limit.pods import Pods, pod_columns, pods_of
from otel_kubecost.processors.cardinality_limit.rank import ranked
from otel_kubecost.processors.editing.points import size


class RankedPods:
    """A batch's metrics and, scope for scope, its pods by rank; ranked once for all limits."""

    def __init__(
        self, data: MetricsData, top: int, *, fold: bool, allows: Callable[[str], bool]
    ) -> None:
        """``top``: how many pods may be kept at most. Metrics that are not allowed rank pods."""
        self._data = data
        self._allows = allows
        self._scopes = [
            [
                _Ranking(pods, top, [one for one in pods.points if allows(one)], fold=fold)
                for pods in pods_of(of_scope.metrics)
            ]
            for _, of_scope in each_scope(data)
        ]

    def limited(self, top: int) -> MetricsData:
        """The metrics with each scope's ``top`` pods; where it has no more, they are the same."""
        scopes = iter(self._scopes)

        def change(_: Resource, metrics: Sequence[Metric]) -> list[Metric]:
            fewer: dict[str, PointColumns] = {}
            for ranking in next(scopes):
                fewer |= ranking.limited(top)
            return [
                _with_points(one, fewer.get(one.name)) for one in metrics if self._allows(one.name)
            ]

        return map_scopes(self._data, change)

    def most(self, limit: int) -> int:
        """How many pods can be kept so that there are no more than ``limit`` series; or 0."""
        others = sum(
            size(metric.data.data_points)
            for _, _, metric in each_metric(self._data)
            if self._allows(metric.name) and pod_columns(metric) is None
        )
        every = [ranking.counts for rankings in self._scopes for ranking in rankings]

        def count(top: int) -> int:
            return others + sum(one[min(top, len(one) - 1)] for one in every)

        most = max((len(one) - 1 for one in every), default=0)
        return max(0, bisect_right(range(most + 1), limit, key=count) - 1)


class _Ranking:
    """The pods of metrics that stand side by side, and those of the metrics that are wanted."""

    def __init__(self, pods: Pods, top: int, metrics: Sequence[str], *, fold: bool) -> None:
        self._pods = pods
        self._top = top
        self._metrics = metrics
        self._fold = fold

    @cached_property
    def _ranked(self) -> array[int]:
        return ranked(self._pods, self._top)

    @cached_property
    def counts(self) -> Sequence[int]:
        """How many points there are where 0, 1, 2, ... pods are kept."""
        return counts(self._pods, self._ranked, self._metrics, fold=self._fold)

    def limited(self, top: int) -> dict[str, PointColumns]:
        """What changes where ``top`` pods are kept."""
        pods = self._pods
        if len(pods.table) <= top or len(pods.rows()) <= top:
            return {}
        return limited(pods, self._ranked[:top], self._metrics, fold=self._fold)


def _with_points(metric: Metric, points: PointColumns | None) -> Metric:
    return metric if points is None else replace(metric, data=Gauge(points))
