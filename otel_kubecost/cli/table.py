"""A table of costs that can be laid beside Kubecost's own page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from otel_kubecost.cli.costs import HOURS_A_MONTH, Costs
from otel_kubecost.exporters.series.model import Family

_PARTS = ("cpu", "ram", "pv", "network", "lb")
_HEADS = ("namespace", "per hour", "per month", *_PARTS, "efficiency")


def cost_table(families: Iterable[Family]) -> str:
    """Namespaces, what belongs to none, the cluster's total, and by how much they differ."""
    costs = Costs(
        (series.labels, series.samples[-1].value) for family in families for series in family.series
    )
    if not costs.clusters:
        return "There are no costs to show.\n"
    return "\n".join(_of_cluster(costs, cluster) for cluster in costs.clusters)


def _of_cluster(costs: Costs, cluster: str) -> str:
    total, namespaces, others = found = costs.of_cluster(cluster)
    rows = [
        _HEADS,
        *(_row(costs, "namespace", hourly, cluster, name) for name, hourly in namespaces),
        *([f"__{word}__", *_amounts(hourly)] for word, hourly in others),
        _row(costs, "cluster", total, cluster),
    ]
    return (
        f"cluster {cluster}\n{_aligned(rows)}"
        f"total less the sum of its rows: {found.difference:.7f} per hour\n"
    )


def _row(costs: Costs, level: str, total: float, *about: str) -> list[str]:
    parts = [costs.value(f"{level}_{part}_cost", *about) for part in _PARTS]
    efficiency = costs.value(f"{level}_total_efficiency", *about)
    return [
        "total" if level == "cluster" else about[-1],
        *_amounts(total),
        *("-" if part is None else f"{part:.5f}" for part in parts),
        "-" if efficiency is None else f"{efficiency:.1%}",
    ]


def _amounts(hourly: float) -> tuple[str, str]:
    return f"{hourly:.5f}", f"{hourly * HOURS_A_MONTH:,.2f}"


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
