"""Keep the most costly pods, and fold the others so that no cost is lost. Pure.

A pod's rank is its total cost; equal costs are ranked by name, so two agents that see the same
costs keep the same pods. Of the others, each namespace's costs are added up and its efficiencies
averaged by cost, under the pod name ``__other__``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from opentelemetry.sdk.metrics.export import Gauge, Metric

from otel_kubecost.pdata import AttributeTable, PointColumns, columns_of, gauge

POD = "k8s.pod.name"
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
    return points if points is not None and POD in points.table.keys else None


def limit_pods(metrics: Sequence[Metric], top: int, *, fold: bool) -> list[Metric]:
    """``metrics`` with the ``top`` most costly pods; the others folded by namespace, or dropped."""
    by_keys: dict[Key, dict[str, PointColumns]] = {}
    for metric in metrics:
        points = pod_columns(metric)
        if points is not None:
            by_keys.setdefault(points.table.keys, {})[metric.name] = points
    limited: dict[str, PointColumns] = {}
    for group in by_keys.values():
        limited |= _limit(group, top, fold=fold)
    return [_with_points(metric, limited.get(metric.name)) for metric in metrics]


def _with_points(metric: Metric, points: PointColumns | None) -> Metric:
    if points is None:
        return metric
    return gauge(metric.name, metric.description or "", metric.unit or "", points)


def _limit(group: Mapping[str, PointColumns], top: int, *, fold: bool) -> dict[str, PointColumns]:
    """Metrics whose tables have the same keys, over one new table that they share."""
    keys = next(iter(group.values())).table.keys
    values = {name: _by_key(points) for name, points in group.items()}
    members = _members(values, keys.index(POD), top, fold=fold)
    rows = sorted(members)
    table = AttributeTable.of(keys, rows)
    return {
        name: PointColumns.of(
            table,
            (_combined(name, values, members[row]) for row in rows),
            constant=points.constant,
            time_unix_nano=points.time_unix_nano,
        )
        for name, points in group.items()
    }


def _by_key(points: PointColumns) -> dict[Key, float]:
    columns = points.table.columns
    rows = zip(points.row_numbers(), points.values, strict=True)
    return {tuple(column[row] for column in columns): value for row, value in rows}


def _members(values: Values, pod: int, top: int, *, fold: bool) -> dict[Key, list[Key]]:
    """For each row to come the rows that make it up, most costly first."""
    costs = _costs(values)
    ranked = sorted(costs, key=lambda key: (-costs[key], key))
    members = {key: [key] for key in ranked[:top]}
    for key in ranked[top:] if fold else ():
        other = (*key[:pod], OTHER, *key[pod + 1 :])
        members.setdefault(other, []).append(key)
    return members


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
