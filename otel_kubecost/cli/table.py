"""A table of costs that can be laid beside Kubecost's own page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otel_kubecost.cli.costs import HOURS_A_MONTH, Costs
from otel_kubecost.exporters.series.model import Family

_PARTS = ("cpu", "ram", "pv", "network", "lb")


def cost_table(families: Iterable[Family]) -> str:
    """Namespaces, what belongs to none, the cluster's total, and by how much they differ."""
    found = list(families)
    costs = Costs(
        (series.labels, series.samples[-1].value) for family in found for series in family.series
    )
    if not costs.clusters:
        return "There are no costs to show.\n"
    # Totals of a window cannot be told by the month: how long it was is not in the samples.
    hourly = any(family.unit.endswith("/h}") for family in found)
    return "\n".join(_of_cluster(costs, cluster, hourly=hourly) for cluster in costs.clusters)


def _of_cluster(costs: Costs, cluster: str, *, hourly: bool) -> str:
    total, namespaces, others = found = costs.of_cluster(cluster)
    heads = ("per hour", "per month") if hourly else ("over the window",)
    rows = [
        ("namespace", *heads, *_PARTS, "efficiency"),
        *(
            _row(costs, "namespace", amount, cluster, name, hourly=hourly)
            for name, amount in namespaces
        ),
        *([f"__{word}__", *_amounts(amount, hourly=hourly)] for word, amount in others),
        _row(costs, "cluster", total, cluster, hourly=hourly),
    ]
    difference = found.difference
    rest = "" if difference is None else f"total less the sum of its rows: {difference:.7f}\n"
    return f"cluster {cluster}\n{_aligned(rows)}{rest}"


def _row(costs: Costs, level: str, total: float | None, *about: str, hourly: bool) -> list[str]:
    parts = [costs.value(f"{level}_{part}_cost", *about) for part in _PARTS]
    efficiency = costs.value(f"{level}_total_efficiency", *about)
    return [
        "total" if level == "cluster" else about[-1],
        *_amounts(total, hourly=hourly),
        *("-" if part is None else f"{part:.5f}" for part in parts),
        "-" if efficiency is None else f"{efficiency:.1%}",
    ]


def _amounts(amount: float | None, *, hourly: bool) -> list[str]:
    if amount is None:
        return ["-", "-"] if hourly else ["-"]
    monthly = [f"{amount * HOURS_A_MONTH:,.2f}"] if hourly else []
    return [f"{amount:.5f}", *monthly]


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell, the first to the left, numbers to the right."""
    width = max(map(len, rows))
    filled = [[*row, *[""] * (width - len(row))] for row in rows]
    widths = [max(map(len, column)) for column in zip(*filled, strict=True)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in filled
    ]
    return "".join(f"{line}\n" for line in lines)
