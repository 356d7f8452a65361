"""Objects with their costs to metrics, as columns. Pure.

Costs leave as hourly rates: what the rows cost over the window, divided by the hours that the data
spans. A cost that is not known leaves no point; a zero that Kubecost reports leaves as zero.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, compress

from opentelemetry.sdk.metrics.export import Metric

from otel_kubecost.attributes import CURRENCY, KEY
from otel_kubecost.pdata import AttributeTable, PointColumns, StringColumn, gauge
from otel_kubecost.receivers.kubecost.costs import cost, costs, efficiencies
from otel_kubecost.receivers.kubecost.dimensions import ATTRIBUTES
from otel_kubecost.receivers.kubecost.groups import Groups
from otel_kubecost.receivers.kubecost.identity import (
    EXTERNAL,
    IDLE,
    SHARED,
    UNALLOCATED,
    UNMOUNTED,
)
from otel_kubecost.receivers.kubecost.levels import ClusterRows, Lacking, Names, Objects
from otel_kubecost.receivers.kubecost.measures import COSTS, EFFICIENCIES, Column
from otel_kubecost.receivers.kubecost.table import Rows
from otel_kubecost.receivers.kubecost.unit import Unit
from otel_kubecost.receivers.kubecost.usage import WHOLE, Usage

PREFIX = "cloudtuner_kubecost"

_NETWORK = frozenset({"network_cross_zone", "network_cross_region", "network_internet"})
OCCASIONAL = frozenset({"gpu", "shared", "external"}) | _NETWORK
"""Costs that an object has only where they are not zero; it always has the others."""
EVERYTHING = frozenset(
    [f"{part}_cost" for part in COSTS] + [f"{which}_efficiency" for which in EFFICIENCIES]
)
_MAIN = frozenset({"total_cost", "cpu_cost", "ram_cost"})
WANTED: Mapping[str, Collection[str]] = {
    "namespace": EVERYTHING,
    "node": _MAIN | {"gpu_cost", "shared_cost", "external_cost"},
    "controller": _MAIN,
    "label": _MAIN,
    "annotation": _MAIN,
}
"""Metrics of the objects of a level; those of pods are chosen by the user."""

PRICED = frozenset(
    {"total_cost", "cpu_cost", "ram_cost", "gpu_cost", "pv_cost", "network_cost"}
    | {f"{part}_cost" for part in _NETWORK}
)
"""What has to be known of a cost, beside the usage, to compute it anew with other prices."""
_PRICED_PARTS = PRICED - {"total_cost"}

_COSTS_IN_WORDS = {
    "total": "All costs",
    "cpu": "CPU cost",
    "ram": "Memory cost",
    "pv": "Persistent volume cost",
    "network": "Network cost",
    "network_cross_zone": "Cost of traffic between zones",
    "network_cross_region": "Cost of traffic between regions",
    "network_internet": "Cost of traffic to the internet",
    "lb": "Load balancer cost",
    "gpu": "GPU cost",
    "shared": "Shared cost",
    "external": "Cost from outside the cluster",
}
_EFFICIENCIES_IN_WORDS = {
    "cpu": "CPU used per CPU requested",
    "ram": "Memory used per memory requested",
    "total": "CPU and memory efficiency, weighted by their costs,",
}
_USAGE_IN_WORDS = {
    "cpu_cores": ("CPU cores", "{cpu}"),
    "ram_bytes": ("Memory", "By"),
    "gpus": ("GPUs", "{gpu}"),
    "pv_bytes": ("Persistent volumes", "By"),
    "spot_cpu_cores": ("CPU cores on spot nodes", "{cpu}"),
    "spot_ram_bytes": ("Memory on spot nodes", "By"),
    "spot_gpus": ("GPUs on spot nodes", "{gpu}"),
}
_SYNTHETIC_IN_WORDS = {
    IDLE: ("idle", "Cost of capacity that nothing uses"),
    UNALLOCATED: ("unallocated", "Cost that belongs to no namespace"),
    UNMOUNTED: ("unmounted", "Cost of volumes that no pod mounts"),
    SHARED: ("shared", "Cost that all tenants share"),
}


_RATIO = Unit("", 1.0)
"""Of what is no cost: a number stays what it is."""


def cluster_metrics(
    cluster: ClusterRows,
    namespaces: Objects,
    unit: Unit,
    *,
    without_idle: bool = False,
    usage: Mapping[str, Usage] | None = None,
) -> Iterator[Metric]:
    """What all rows of a cluster cost, how efficient its namespaces are, what no namespace has.

    ``without_idle``: what idle costs could not be had, and so no sum that it is part of is known.
    ``usage``: of the kinds of synthetic rows and of the ``WHOLE``, to be published as well.
    """
    one = _one()
    had = usage or {}
    parts = {f"{part}_cost" for part in COSTS} - {"shared_cost", "external_cost"}
    if without_idle:
        parts -= {"total_cost", "cpu_cost", "ram_cost", "gpu_cost"}
        had = {kind: of_kind for kind, of_kind in had.items() if kind != WHOLE}
    ratios = [f"{which}_efficiency" for which in EFFICIENCIES]
    # What was spent outside the cluster is no part of its total; it has a metric of its own.
    for rows, wanted in (
        (cluster.every(but={EXTERNAL}), parts),
        (cluster.every(), ["external_cost"]),
        (namespaces.groups.every(), ratios),
    ):
        yield from _metrics("cluster", one, [Groups.single(rows)], unit, wanted)
    yield from _usage_metrics("cluster", one, [had.get(WHOLE, {})], unit)
    others = {**cluster.synthetic, UNALLOCATED: namespaces.unallocated}
    for kind, (word, description) in _SYNTHETIC_IN_WORDS.items():
        rows = others.get(kind, Rows(cluster.table))
        total = _cost_points(unit, one, [cost(rows, "total")])
        yield from _cost_metric(f"cluster_{word}", description, unit, total)
        if usage is not None:
            groups = [Groups.single(rows)]
            yield from _metrics(f"cluster_{word}", one, groups, unit, _PRICED_PARTS)
            yield from _usage_metrics(f"cluster_{word}", one, [had.get(kind, {})], unit)


def object_metrics(
    level: str,
    objects: Sequence[Objects],
    unit: Unit,
    wanted: Collection[str] = EVERYTHING,
    usage: Mapping[Names, Usage] | None = None,
) -> Iterator[Metric]:
    """Metrics of one level, of which ``objects`` are the parts: one for each label, say.

    ``usage``: of the same objects, to be published as well, with what it takes to price it.
    """
    parts = sorted(objects, key=lambda part: part.level.key)
    groups = [part.groups for part in parts]
    columns = [list(chain(*of_parts)) for of_parts in zip(*(p.columns for p in parts), strict=True)]
    *outer, names = columns
    strings = [*map(StringColumn.of, outer), StringColumn.apart(names)]
    table = AttributeTable(ATTRIBUTES[level], strings, sum(map(len, groups)))
    if usage is None:
        yield from _metrics(level, table, groups, unit, wanted)
    else:
        yield from _metrics(level, table, groups, unit, {*wanted, *PRICED})
        had = [usage[name] for name in zip(*columns, strict=True)]
        yield from _usage_metrics(level, table, had, unit)


def unallocated_metrics(
    level: str,
    lacking: Mapping[str, Lacking],
    unit: Unit,
    usage: Mapping[str, Usage] | None = None,
) -> Iterator[Metric]:
    """What no object of a level has; ``lacking`` by label or annotation, else under ``""``.

    With it the objects of every level add up to the cluster's total, as namespaces do. ``usage``:
    of the same rows, to be published as well, with what it takes to price it.
    """
    keys = sorted(key for key, of_key in lacking.items() if of_key.rows or of_key.unmounted)
    named = any(keys)
    table = AttributeTable.of((KEY,), [(key,) for key in keys]) if named else _one(len(keys))
    amounts = [lacking[key].total() for key in keys]
    words = f"Cost that belongs to no {level}"
    points = _cost_points(unit, table, amounts)
    yield from _cost_metric(f"{level}_unallocated", words, unit, points)
    if usage is not None:
        groups = [Groups.single(lacking[key].rows) for key in keys]
        yield from _metrics(f"{level}_unallocated", table, groups, unit, _PRICED_PARTS)
        yield from _usage_metrics(f"{level}_unallocated", table, [usage[key] for key in keys], unit)


def _one(size: int = 1) -> AttributeTable:
    """A table without attributes: of the cluster itself."""
    return AttributeTable((), (), size)


def _metrics(
    level: str,
    table: AttributeTable,
    parts: Sequence[Groups],
    unit: Unit,
    wanted: Collection[str],
) -> Iterator[Metric]:
    """One point a group, of all ``parts`` one after the other."""
    for part, description in _COSTS_IN_WORDS.items():
        if f"{part}_cost" in wanted:
            amounts = _together([costs(groups, part) for groups in parts])
            points = _cost_points(unit, table, amounts)
            if part in OCCASIONAL:
                points = _without_zeros(points)
            words = f"{description} of {_subject(level)}"
            yield from _cost_metric(f"{level}_{part}", words, unit, points)
    for which, description in _EFFICIENCIES_IN_WORDS.items():
        if f"{which}_efficiency" in wanted:
            ratios = _together([efficiencies(groups, which) for groups in parts])
            words = f"{description} by {_subject(level)}"
            points = PointColumns.of(table, _RATIO.samples(ratios))
            yield from _metric(f"{level}_{which}_efficiency", words, "", points)


def _together(columns: Sequence[Column]) -> Column:
    return columns[0] if len(columns) == 1 else list(chain(*columns))


def _usage_metrics(
    level: str, table: AttributeTable, usages: Sequence[Usage], unit: Unit
) -> Iterator[Metric]:
    """What was allocated on an average over the hours that the data spans."""
    for resource, (description, ucum) in _USAGE_IN_WORDS.items():
        hours = [_finite(usage.get(resource)) for usage in usages]
        averages = [None if one is None else _finite(one / unit.hours) for one in hours]
        words = f"{description} of {_subject(level)}"
        yield from _metric(f"{level}_{resource}", words, ucum, PointColumns.of(table, averages))


def _subject(level: str) -> str:
    """``the pod`` of ``pod``, ``idle of the cluster`` of ``cluster_idle``."""
    of, _, kind = level.partition("_")
    return f"{kind} of the {of}" if kind else f"the {of}"


def _cost_points(unit: Unit, table: AttributeTable, amounts: Column) -> PointColumns:
    return PointColumns.of(table, unit.samples(amounts), constant={CURRENCY: unit.currency})


def _without_zeros(points: PointColumns) -> PointColumns:
    if all(points.values):
        return points
    return points.select(compress(range(len(points)), points.values))


def _cost_metric(name: str, words: str, unit: Unit, points: PointColumns) -> Iterator[Metric]:
    yield from _metric(f"{name}_cost", f"{words}, {unit.in_words}", unit.ucum, points)


def _metric(name: str, words: str, unit: str, points: PointColumns) -> Iterator[Metric]:
    if len(points):
        yield gauge(f"{PREFIX}_{name}", f"{words}.", unit, points)


def _finite(number: float | None) -> float | None:
    """``number``, -0.0 as 0.0; None for what is not known."""
    return number + 0.0 if number is not None and math.isfinite(number) else None
