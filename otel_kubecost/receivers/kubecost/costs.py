"""Rows to amounts: what an object's rows cost together, and how efficient it is. Pure.

Not knowing is a number here: ``null`` is how the API writes NaN, and NaN it stays, so that every
sum it enters is not known either. What is not finite is never published.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import add, attrgetter

from msgspec import UNSET

from otel_kubecost.receivers.kubecost.rows import Number, Row

ROUNDING = 1e-5
"""Kubecost rounds each cost to five decimals (opencost mathutil, February 2023)."""

# The word for a cost in metric names: the row's field, and that of its adjustment.
COSTS: Mapping[str, tuple[str, str | None]] = {
    "total": ("total_cost", None),
    "cpu": ("cpu_cost", "cpu_cost_adjustment"),
    "ram": ("ram_cost", "ram_cost_adjustment"),
    "pv": ("pv_cost", "pv_cost_adjustment"),
    "network": ("network_cost", "network_cost_adjustment"),
    "network_cross_zone": ("network_cross_zone_cost", None),
    "network_cross_region": ("network_cross_region_cost", None),
    "network_internet": ("network_internet_cost", None),
    "lb": ("load_balancer_cost", "load_balancer_cost_adjustment"),
    "gpu": ("gpu_cost", "gpu_cost_adjustment"),
    "shared": ("shared_cost", None),
    "external": ("external_cost", None),
}
_PARTS = tuple(part for part in COSTS if part != "total" and not part.startswith("network_"))
"""What a total is the sum of; the network's own parts are in its cost already."""

# The word for an efficiency: the costs that weigh it where several rows make one object.
# Kubecost's total efficiency is that of CPU and RAM (opencost allocation.go, TotalEfficiency).
EFFICIENCIES: Mapping[str, tuple[str, ...]] = {
    "cpu": ("cpu",),
    "ram": ("ram",),
    "total": ("cpu", "ram"),
}


def cost(rows: Iterable[Row], part: str) -> float | None:
    """The cost of ``rows`` over the window: None where none reports it, NaN where it is not known.

    Sums are rounded once, so they do not depend on the order in which rows arrive.
    """
    reported = [amount for amount in row_costs(list(rows), part) if amount is not None]
    if len(reported) == 1:
        return reported[0]
    return _sum(reported) if reported else None


def costs(objects: Sequence[Sequence[Row]], part: str) -> list[float | None]:
    """``cost`` of each of ``objects``. Most have one row: those of a level go together."""
    if all(len(rows) == 1 for rows in objects):
        return row_costs([rows[0] for rows in objects], part)
    return [cost(rows, part) for rows in objects]


def row_costs(rows: Sequence[Row], part: str) -> list[float | None]:
    """The cost of each row by itself.

    Where every row reports a number, as nearly always, there is nothing to decide row by row.
    """
    name, adjustment = COSTS[part]
    amounts = _numbers(rows, name)
    extra = _numbers(rows, adjustment) if adjustment else None
    if amounts is None or (adjustment and extra is None):
        return [_row_cost(row, part) for row in rows]
    return list(map(add, amounts, extra)) if extra else list(amounts)


def _numbers(rows: Sequence[Row], name: str) -> list[float] | None:
    """The field ``name`` of each row; None where one of them has no number there."""
    values = list(map(attrgetter(name), rows))
    return values if set(map(type, values)) <= {float} else None


def efficiencies(objects: Sequence[Sequence[Row]], which: str) -> list[float | None]:
    """``efficiency`` of each of ``objects``."""
    if all(len(rows) == 1 for rows in objects):
        ratios = _numbers([rows[0] for rows in objects], f"{which}_efficiency")
        if ratios is not None:
            return list(ratios)
    return [efficiency(rows, which) for rows in objects]


def efficiency(rows: Sequence[Row], which: str) -> float | None:
    """The ratio that an object's only row reports; of several rows the mean, weighted by cost."""
    ratios = [_float(getattr(row, f"{which}_efficiency")) for row in rows]
    if len(ratios) == 1:
        return ratios[0]
    weights = map(_weight, *(row_costs(rows, part) for part in EFFICIENCIES[which]))
    weighed = [(r, w) for r, w in zip(ratios, weights, strict=True) if r is not None and w != 0]
    if not weighed:
        return None
    return _sum(r * w for r, w in weighed) / _sum(w for _, w in weighed)


def _row_cost(row: Row, part: str) -> float | None:
    name, adjustment = COSTS[part]
    amount = _float(getattr(row, name))
    if amount is None:
        return _sum_of_parts(row) if part == "total" else None
    extra = _float(getattr(row, adjustment)) if adjustment else None
    return amount if extra is None else amount + extra


def _sum_of_parts(row: Row) -> float | None:
    """The total of a row that reports none (older summaries), if it has CPU and RAM at least."""
    parts = {part: _row_cost(row, part) for part in _PARTS}
    if parts["cpu"] is None or parts["ram"] is None:
        return None
    return _sum(amount for amount in parts.values() if amount is not None)


def _weight(*costs: float | None) -> float:
    """What a row's ratio weighs; NaN, which makes the mean unknown, where a cost is."""
    return _sum(0.0 if cost < 0 else cost for cost in costs if cost is not None)


def _sum(amounts: Iterable[float]) -> float:
    """Rounded once; beyond all doubles it is not known."""
    try:
        return math.fsum(amounts)
    except (OverflowError, ValueError):
        return math.nan


def _float(number: Number) -> float | None:
    if number is UNSET:
        return None
    return math.nan if number is None else float(number)
