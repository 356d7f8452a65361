"""The limit as it is meant, over dictionaries of names: slow, and nothing in it is clever."""

import math
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.pdata import PointColumns

POD, CURRENCY = "k8s.pod.name", "currency"
WEIGHTS = {
    "cpu_efficiency": ["cpu_cost"],
    "ram_efficiency": ["ram_cost"],
    "total_efficiency": ["cpu_cost", "ram_cost"],
}


class Column(NamedTuple):
    """A metric by pod: values by name, a name being the values of the attributes ``keys``."""

    keys: tuple
    values: dict
    currency: str | None


def columns(metrics):
    """Of the metrics by pod the columns, by the metric's name."""
    return {one.name: column(one) for one in metrics if is_by_pod(one)}


def is_by_pod(metric):
    return POD in attributes(metric)


def column(metric):
    points = metric.data.data_points
    of_all = attributes(metric)
    keys = tuple(key for key in of_all if key != CURRENCY)
    values = {tuple(one.attributes[key] for key in keys): one.value for one in points}
    return Column(keys, values, of_all.get(CURRENCY))


def attributes(metric):
    """Those of the first point; columns without points have some as well."""
    points = metric.data.data_points
    if len(points):
        return points[0].attributes
    return dict.fromkeys(points.table.keys) if isinstance(points, PointColumns) else {}


def limited(metrics, top, *, fold):
    """Of each metric by pod what is left of it, rows in order of their names."""
    found = columns(metrics)
    result = {}
    for keys in {one.keys for one in found.values()}:
        group = {name: one.values for name, one in found.items() if one.keys == keys}
        members = made_of(keys, ranked(group), top, fold=fold)
        for name in group:
            values = {row: combined(name, group, rows) for row, rows in sorted(members.items())}
            known = {row: value for row, value in values.items() if value is not None}
            result[name] = Column(keys, known, found[name].currency)
    return result


def ranked(group):
    """The names of all pods, most costly first, then by name."""
    totals = [name for name in group if name.endswith("_total_cost")]
    costs = totals or [name for name in group if name.endswith("_cost")]
    every = {row for values in group.values() for row in values}
    cost = {row: math.fsum(group[name].get(row, 0.0) for name in costs) for row in every}
    return sorted(every, key=lambda row: (-cost[row], row))


def made_of(keys, rows, top, *, fold):
    """For each row to come the rows that make it up."""
    pod = keys.index(POD)
    members = {row: [row] for row in rows[:top]}
    for row in rows[top:] if fold else []:
        members.setdefault((*row[:pod], "__other__", *row[pod + 1 :]), []).append(row)
    return members


def combined(name, group, rows):
    own = group[name]
    known = [row for row in rows if row in own]
    if len(known) < 2:
        return own[known[0]] if known else None
    for efficiency, costs in WEIGHTS.items():
        if name.endswith(efficiency):
            parts = [group.get(name.removesuffix(efficiency) + cost, {}) for cost in costs]
            weights = [max(0.0, math.fsum(part.get(row, 0.0) for part in parts)) for row in known]
            total = math.fsum(weights)
            sums = math.fsum(own[row] * weight for row, weight in zip(known, weights, strict=True))
            return sums / total if total else None
    return math.fsum(own[row] for row in known)


def count(scopes, top, allowed, *, fold):
    """How many points the scopes' allowed metrics have with ``top`` pods each."""
    return sum(
        len(by_pod[one.name].values) if one.name in by_pod else len(one.data.data_points)
        for metrics in scopes
        for by_pod in [limited(metrics, top, fold=fold)]
        for one in metrics
        if allowed(one.name)
    )


def largest_top(scopes, top, allowed, limit, *, fold):
    """How many pods, no more than ``top``, can be kept under ``limit`` points; 0 if none."""
    fits = [at for at in range(top + 1) if count(scopes, at, allowed, fold=fold) <= limit]
    return max(fits, default=0)


def scopes_of(data: MetricsData):
    return [scope.metrics for resource in data.resource_metrics for scope in resource.scope_metrics]
