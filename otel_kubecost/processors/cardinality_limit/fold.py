"""Keep the most costly pods, and fold the others so that no cost is lost. Pure.

A pod's rank is its total cost; equal costs are ranked by name, so two agents that see the same
costs keep the same pods. Of the others, each namespace's costs are added up, and what they were
allocated; its efficiencies are averaged by cost, all under the pod name ``__other__``. What is not
known of a pod adds nothing, folded or not: the sum over a namespace's pods is the same before and
after. Prices are therefore for the processor ``pricing`` to change before, not after.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData
from opentelemetry.sdk.resources import Resource

from otel_kubecost.attributes import CURRENCY, POD
from otel_kubecost.pdata import AttributeTable, PointColumns, columns_of, each_scope, map_scopes

OTHER = "__other__"

Key: TypeAlias = tuple[str, ...]
"""What a row is about: its attributes' values, in the order of its table's keys."""
Values: TypeAlias = Mapping[str, Mapping[Key, float]]
"""Of each metric, by its name, the values by row."""

# What an efficiency is weighed by: the costs of the same object that it speaks of.
_WEIGHTS = {
    "cpu_efficiency": ("cpu_cost",),
    "ram_efficiency": ("ram_cost",),
    "total_efficiency": ("cpu_cost", "ram_cost"),
}


def pod_columns(metric: Metric) -> PointColumns | None:
    """The points of a gauge by pod, as columns; None for any other metric."""
    if not isinstance(metric.data, Gauge):
        return None
    points = columns_of(metric.data.data_points)
    return _by_pod(points) if points is not None and POD in points.table.keys else None


def _by_pod(points: PointColumns) -> PointColumns:
    """``points`` with their currency, where it is one, beside the table.

    It says in what a cost is counted, not whose it is, and efficiencies have none.
    """
    table = points.table
    if CURRENCY not in table.keys:
        return points
    at = table.keys.index(CURRENCY)
    currencies = set(table.columns[at].values)
    if len(currencies) != 1:
        return points
    keys, columns = list(table.keys), list(table.columns)
    del keys[at], columns[at]
    return PointColumns(
        AttributeTable(keys, columns, len(table)),
        points.values,
        rows=points.rows,
        constant={**points.constant, CURRENCY: currencies.pop()},
        time_unix_nano=points.time_unix_nano,
        start_time_unix_nano=points.start_time_unix_nano,
    )


class RankedPods:
    """A batch and its pods by rank, scope for scope; ranked once for however many limits."""

    def __init__(self, data: MetricsData) -> None:
        self._data = data
        self._scopes = [_rankings(of_scope.metrics) for _, of_scope in each_scope(data)]

    def limited(self, top: int, *, fold: bool) -> MetricsData:
        """The batch with each scope's ``top`` pods; the others folded by namespace, or dropped."""
        scopes = iter(self._scopes)

        def change(_: Resource, metrics: Sequence[Metric]) -> list[Metric]:
            limited: dict[str, PointColumns] = {}
            for ranking in next(scopes):
                limited |= ranking.limited(top, fold=fold)
            return [_with_points(metric, limited.get(metric.name)) for metric in metrics]

        return map_scopes(self._data, change)


def _rankings(metrics: Iterable[Metric]) -> list[Ranking]:
    """One ranking for all metrics whose tables have the same keys."""
    by_keys: dict[Key, dict[str, PointColumns]] = {}
    for metric in metrics:
        points = pod_columns(metric)
        if points is not None:
            by_keys.setdefault(points.table.keys, {})[metric.name] = points
    return [Ranking(keys, group) for keys, group in by_keys.items()]


def _with_points(metric: Metric, points: PointColumns | None) -> Metric:
    return metric if points is None else replace(metric, data=Gauge(points))


class Ranking:
    """The pods of metrics whose tables have the same keys, most costly first."""

    def __init__(self, keys: Key, group: Mapping[str, PointColumns]) -> None:
        self._keys = keys
        self._group = group
        self._values = {name: _by_key(points) for name, points in group.items()}
        costs = _costs(self._values)
        self._ranked = sorted(costs, key=lambda key: (-costs[key], key))

    def limited(self, top: int, *, fold: bool) -> dict[str, PointColumns]:
        """The metrics by name, over one new table that they share."""
        members = self._members(top, fold=fold)
        rows = sorted(members)
        table = AttributeTable.of(self._keys, rows)
        return {
            name: PointColumns.of(
                table,
                (_combined(name, self._values, members[row]) for row in rows),
                constant=points.constant,
                time_unix_nano=points.time_unix_nano,
            )
            for name, points in self._group.items()
        }

    def _members(self, top: int, *, fold: bool) -> dict[Key, list[Key]]:
        """For each row to come the rows that make it up, most costly first."""
        pod = self._keys.index(POD)
        members = {key: [key] for key in self._ranked[:top]}
        for key in self._ranked[top:] if fold else ():
            other = (*key[:pod], OTHER, *key[pod + 1 :])
            members.setdefault(other, []).append(key)
        return members


def _by_key(points: PointColumns) -> dict[Key, float]:
    columns = points.table.columns
    rows = zip(points.row_numbers(), points.values, strict=True)
    return {tuple(column[row] for column in columns): value for row, value in rows}


def _costs(values: Values) -> dict[Key, float]:
    """What each pod is ranked by: its total cost, or the costs there are."""
    every = {key for of_metric in values.values() for key in of_metric}
    totals = [name for name in values if name.endswith("_total_cost")]
    names = totals or [name for name in values if name.endswith("_cost")]
    return {key: math.fsum(values[name].get(key, 0.0) for name in names) for key in every}


def _combined(name: str, values: Values, members: Iterable[Key]) -> float | None:
    own = values[name]
    known = [key for key in members if key in own]
    if len(known) < 2:
        return own[known[0]] if known else None
    for efficiency, parts in _WEIGHTS.items():
        if name.endswith(efficiency):
            weights = [f"{name.removesuffix(efficiency)}{part}" for part in parts]
            return _weighted(own, [values.get(weight, {}) for weight in weights], known)
    return math.fsum(own[key] for key in known)


def _weighted(
    ratios: Mapping[Key, float], weights: Sequence[Mapping[Key, float]], keys: Sequence[Key]
) -> float | None:
    """The mean ratio; None where nothing says what a pod weighs."""
    weight = {key: max(0.0, math.fsum(part.get(key, 0.0) for part in weights)) for key in keys}
    total = math.fsum(weight.values())
    return math.fsum(ratios[key] * weight[key] for key in keys) / total if total else None
