"""A table of costs that can be laid beside Kubecost's own page.

The page shows what a window cost; the column ``in the window`` is that, over the same hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from otel_kubecost.cli.costs import HOURS_A_MONTH, ClusterCosts, Costs
from otel_kubecost.exporters.series.model import Family

_PARTS = ("cpu", "ram", "pv", "network", "lb")
_OCCASIONAL_PARTS = ("gpu", "shared", "external")
"""Columns that are there where some row has such a cost."""
_HOUR = 3600


class _Span(NamedTuple):
    """What a receiver says of the window; seconds."""

    start: float
    end: float
    covered: float


def cost_table(families: Iterable[Family]) -> str:
    """Namespaces, what belongs to none, the cluster's total, and by how much they differ."""
    found = list(families)
    costs = Costs(
        (series.labels, series.samples[-1].value) for family in found for series in family.series
    )
    if not costs.clusters:
        return "There are no costs to show.\n"
    # Totals of a window cannot be told by the month: how long it was is not in the samples.
    hourly = any(
        family.unit.endswith("/h}") for family in found if family.name.endswith("_total_cost")
    )
    return "\n".join(_of_cluster(costs, cluster, hourly=hourly) for cluster in costs.clusters)


def _of_cluster(costs: Costs, cluster: str, *, hourly: bool) -> str:
    total, namespaces, others = found = costs.of_cluster(cluster)
    # A receiver tells the hours of all its clusters as one number.
    span = _span(costs) if len(costs.clusters) == 1 else None
    columns = _Columns(span.covered / _HOUR if span else None, hourly=hourly)
    parts = [*_PARTS, *(part for part in _OCCASIONAL_PARTS if costs.has(f"{part}_cost", cluster))]
    rows = [
        ("namespace", *columns.heads, *parts, "efficiency"),
        *(
            _row(costs, columns, parts, "namespace", amount, cluster, name)
            for name, amount in namespaces
        ),
        *([f"__{word}__", *columns.amounts(amount)] for word, amount in others),
        _row(costs, columns, parts, "cluster", total, cluster),
    ]
    title = " · ".join(filter(None, (f"cluster {cluster}", costs.currency)))
    head = "\n".join([title, *([_coverage(span)] if span else [])])
    foot = "".join(_differences(costs, cluster, found, "per hour" if hourly else "in the window"))
    return f"{head}\n{_aligned(rows)}{foot}"


def _span(costs: Costs) -> _Span | None:
    """Of the receiver, which goes by the name that was configured, whatever its clusters' are."""
    names = ("window_start_timestamp_seconds", "window_end_timestamp_seconds", "covered_seconds")
    values = [costs.only(f"exporter_{name}") for name in names]
    known = [value for value in values if value is not None]
    return _Span(*known) if len(known) == len(names) else None


def _coverage(span: _Span) -> str:
    hours, covered = (span.end - span.start) / _HOUR, span.covered / _HOUR
    return (
        f"window {_utc(span.start)} to {_utc(span.end)} UTC,"
        f" data for {covered:.2f} of {hours:g} hours ({covered / hours:.1%})"
    )


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _differences(costs: Costs, cluster: str, found: ClusterCosts, basis: str) -> Iterator[str]:
    """By how much sums miss the total: some hundred-thousandths are Kubecost's rounding."""
    unit = f"{costs.currency} {basis}".strip()
    if found.difference is not None and found.namespaces:
        yield f"total less the sum of its rows: {found.difference:+.7f} {unit}\n"
    for levels, difference in costs.dearest("exporter_unreconciled_cost", cluster):
        yield f"{levels} less the total: {difference:+.7f} {unit}\n"


class _Columns:
    """How an amount is told: by month, by hour and, where its hours are known, in the window.

    The parts of a cost are told as the last of these.
    """

    def __init__(self, hours: float | None, *, hourly: bool) -> None:
        self._factors = {"in the window": 1.0}
        if hourly:
            window = {"in the window": hours} if hours else {}
            self._factors = {"per month": HOURS_A_MONTH, "per hour": 1.0, **window}

    @property
    def heads(self) -> Sequence[str]:
        return list(self._factors)

    def amounts(self, amount: float | None) -> Sequence[str]:
        return [_told(amount, factor) for factor in self._factors.values()]

    def part(self, amount: float | None) -> str:
        return _told(amount, list(self._factors.values())[-1])


def _told(amount: float | None, factor: float) -> str:
    if amount is None:
        return "-"
    return f"{amount * factor:,.{2 if factor == HOURS_A_MONTH else 5}f}"


def _row(
    costs: Costs,
    columns: _Columns,
    parts: Sequence[str],
    level: str,
    total: float | None,
    *about: str,
) -> Sequence[str]:
    told = [columns.part(costs.value(f"{level}_{part}_cost", *about)) for part in parts]
    efficiency = costs.value(f"{level}_total_efficiency", *about)
    ratio = "-" if efficiency is None else f"{efficiency:.1%}"
    return ["total" if level == "cluster" else about[-1], *columns.amounts(total), *told, ratio]


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
