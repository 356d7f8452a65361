"""A table of costs that can be laid beside Kubecost's own page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from otel_kubecost.exporters.series.model import Family

PREFIX = "cloudtuner_kubecost_"
HOURS_A_MONTH = 730

_PARTS = ("cpu", "ram", "pv", "network", "lb")
_OTHERS = ("idle", "unallocated", "unmounted", "shared")

Costs: TypeAlias = Mapping[str, Mapping[tuple[str, ...], float]]
"""Values by metric, without its prefix, and by the labels that say what it is about."""


def cost_table(families: Iterable[Family]) -> str:
    """Namespaces, what belongs to none, the cluster's total, and by how much they differ."""
    values = _values(families)
    clusters = sorted(values.get("cluster_total_cost", {}))
    if not clusters:
        return "There are no costs to show.\n"
    return "\n".join(_of_cluster(values, *cluster) for cluster in clusters)


def _values(families: Iterable[Family]) -> Costs:
    values: dict[str, dict[tuple[str, ...], float]] = {}
    for family in families:
        for series in family.series:
            labels = dict(series.labels)
            about = tuple(labels.get(name, "") for name in ("cluster", "namespace"))
            key = about if about[1] else about[:1]
            name = family.name.removeprefix(PREFIX)
            values.setdefault(name, {})[key] = series.samples[-1].value
    return values


def _of_cluster(values: Costs, cluster: str) -> str:
    totals = values.get("namespace_total_cost", {})
    namespaces = [key for key in totals if key[0] == cluster]
    by_cost = sorted(namespaces, key=lambda key: (-totals[key], key))
    rows = [_row(key[1], values, "namespace", key) for key in by_cost]
    others = [
        (word, amount)
        for word in _OTHERS
        if (amount := values.get(f"cluster_{word}_cost", {}).get((cluster,))) is not None
    ]
    rows += [[f"__{word}__", *_amounts(amount)] for word, amount in others]
    total = _row("total", values, "cluster", (cluster,))
    sums = [*(totals[key] for key in namespaces), *(amount for _, amount in others)]
    difference = values["cluster_total_cost"][cluster,] - sum(sums)
    heads = ["namespace", "per hour", "per month", *_PARTS, "efficiency"]
    return (
        f"cluster {cluster}\n{_aligned([heads, *rows, total])}"
        f"total less the sum of its rows: {difference:.7f} per hour\n"
    )


def _row(name: str, values: Costs, level: str, key: tuple[str, ...]) -> list[str]:
    parts = [values.get(f"{level}_{part}_cost", {}).get(key) for part in _PARTS]
    efficiency = values.get(f"{level}_total_efficiency", {}).get(key)
    return [
        name,
        *_amounts(values[f"{level}_total_cost"][key]),
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
