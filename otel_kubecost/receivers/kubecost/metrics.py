"""Objects with their costs to metrics, as columns. Pure.

Costs leave as hourly rates: what the rows cost over the window, divided by the hours that the data
spans. A cost that is not known leaves no point; a zero that Kubecost reports leaves as zero.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from opentelemetry.sdk.metrics.export import Metric

from otel_kubecost.attributes import CURRENCY
from otel_kubecost.pdata import AttributeTable, PointColumns, gauge
from otel_kubecost.receivers.kubecost.allocation import (
    EXTERNAL,
    IDLE,
    SHARED,
    UNALLOCATED,
    UNMOUNTED,
    Row,
)
from otel_kubecost.receivers.kubecost.costs import COSTS, EFFICIENCIES, cost, efficiency
from otel_kubecost.receivers.kubecost.levels import ClusterRows

PREFIX = "cloudtuner_kubecost"

OCCASIONAL = frozenset({"gpu", "shared", "external"})
"""Costs that an object has only where they are not zero; it always has the others."""
EVERYTHING = frozenset(
    [f"{part}_cost" for part in COSTS] + [f"{which}_efficiency" for which in EFFICIENCIES]
)

_COSTS_IN_WORDS = {
    "total": "All costs",
    "cpu": "CPU cost",
    "ram": "Memory cost",
    "pv": "Persistent volume cost",
    "network": "Network cost",
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
_SYNTHETIC_IN_WORDS = {
    IDLE: ("idle", "Cost of capacity that nothing uses"),
    UNALLOCATED: ("unallocated", "Cost that belongs to no namespace"),
    UNMOUNTED: ("unmounted", "Cost of volumes that no pod mounts"),
    SHARED: ("shared", "Cost that all tenants share"),
}


@dataclass(frozen=True, slots=True)
class Unit:
    """What amounts are counted in, and how a window's cost becomes a sample."""

    currency: str
    hours: float
    """What a cost over the window is divided by."""
    hourly: bool = True
    """Otherwise costs stay totals of the window (the guide's METRIC_MODE=total)."""

    def sample(self, amount: float | None) -> float | None:
        """The value to publish; None for what is not reported or not known."""
        if amount is None or not math.isfinite(amount):
            return None
        return (amount / self.hours if self.hourly else amount) + 0.0  # -0.0 + 0.0 is 0.0

    @property
    def ucum(self) -> str:
        """UCUM has no currencies; what stands in braces is appended to no metric's name."""
        return f"{{{self.currency}/h}}" if self.hourly else f"{{{self.currency}}}"

    @property
    def in_words(self) -> str:
        return f"in {self.currency} per hour" if self.hourly else f"in {self.currency}"


def cluster_metrics(cluster: ClusterRows, unit: Unit) -> Iterator[Metric]:
    """What all rows of a cluster cost, how efficient its namespaces are, what no namespace has."""
    one = AttributeTable((), (), 1)
    parts = [f"{part}_cost" for part in COSTS if part not in {"shared", "external"}]
    ratios = [f"{which}_efficiency" for which in EFFICIENCIES]
    # What was spent outside the cluster is no part of its total; it has a metric of its own.
    yield from _metrics("cluster", one, [cluster.all_rows(but=EXTERNAL)], unit, parts)
    yield from _metrics("cluster", one, [cluster.all_rows()], unit, ["external_cost"])
    yield from _metrics("cluster", one, [cluster.object_rows()], unit, ratios)
    for kind, (word, description) in _SYNTHETIC_IN_WORDS.items():
        amount = cost(cluster.synthetic.get(kind, ()), "total")
        yield from _cost_metric(f"cluster_{word}", description, unit, one, [amount])


def object_metrics(
    level: str,
    keys: Sequence[str],
    objects: Mapping[tuple[str, ...], Sequence[Row]],
    unit: Unit,
    wanted: Collection[str] = EVERYTHING,
) -> Iterator[Metric]:
    """Metrics of one level: a row an object, by ``keys`` in the order of the objects' names."""
    names = sorted(objects)
    table = AttributeTable.of(keys, names)
    yield from _metrics(level, table, [objects[name] for name in names], unit, wanted)


def _metrics(
    level: str,
    table: AttributeTable,
    rows: Sequence[Sequence[Row]],
    unit: Unit,
    wanted: Collection[str],
) -> Iterator[Metric]:
    for part, description in _COSTS_IN_WORDS.items():
        if f"{part}_cost" in wanted:
            amounts: Iterable[float | None] = [cost(of_object, part) for of_object in rows]
            if part in OCCASIONAL:
                amounts = [amount or None for amount in amounts]
            words = f"{description} of the {level}"
            yield from _cost_metric(f"{level}_{part}", words, unit, table, amounts)
    for which, description in _EFFICIENCIES_IN_WORDS.items():
        if f"{which}_efficiency" in wanted:
            ratios = [_finite(efficiency(of_object, which)) for of_object in rows]
            words = f"{description} by the {level}"
            yield from _metric(
                f"{level}_{which}_efficiency", words, "", PointColumns.of(table, ratios)
            )


def _cost_metric(
    name: str, words: str, unit: Unit, table: AttributeTable, amounts: Iterable[float | None]
) -> Iterator[Metric]:
    samples = map(unit.sample, amounts)
    points = PointColumns.of(table, samples, constant={CURRENCY: unit.currency})
    yield from _metric(f"{name}_cost", f"{words}, {unit.in_words}", unit.ucum, points)


def _metric(name: str, words: str, unit: str, points: PointColumns) -> Iterator[Metric]:
    if len(points):
        yield gauge(f"{PREFIX}_{name}", f"{words}.", unit, points)


def _finite(ratio: float | None) -> float | None:
    return ratio if ratio is not None and math.isfinite(ratio) else None
