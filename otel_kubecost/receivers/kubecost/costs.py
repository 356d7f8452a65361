"""Rows to amounts: what an object's rows cost together, and how efficient it is. Pure.

Not knowing is a number here: ``null`` is how the API writes NaN, and NaN it stays, so that every
sum it enters is not known either. What is not finite is never published.
"""

from __future__ import annotations

from array import array

from otel_kubecost.receivers.kubecost.doubles import are_zero
from otel_kubecost.receivers.kubecost.groups import Groups
from otel_kubecost.receivers.kubecost.measures import EFFICIENCIES, Column, total
from otel_kubecost.receivers.kubecost.table import Rows

ROUNDING = 1e-5
"""Kubecost rounds each cost to five decimals (opencost mathutil, February 2023)."""


def cost(rows: Rows, part: str) -> float | None:
    """The cost of ``rows`` over the window: None where none reports it, NaN where it is not known.

    Sums are rounded once, so they do not depend on the order in which rows arrive.
    """
    return _sum(rows.column(f"{part}_cost"))


def costs(groups: Groups, part: str) -> Column:
    """``cost`` of each group. Where each has one row, those of all go together."""
    if not groups.order:
        return [None] * len(groups)
    whole = groups.table.measures[f"{part}_cost"]
    if isinstance(whole, array) and are_zero(whole):
        return array("d", bytes(8 * len(groups)))  # nobody has it: GPUs, shared costs
    amounts = groups.column(f"{part}_cost")
    if groups.are_single:
        return amounts
    if isinstance(amounts, array):
        return array("d", map(total, map(amounts.__getitem__, groups.slices())))
    return [_sum(amounts[one]) for one in groups.slices()]


def efficiency(rows: Rows, which: str) -> float | None:
    """The ratio that an object's only row reports; of several rows the mean, weighted by cost."""
    ratios = rows.column(f"{which}_efficiency")
    if len(ratios) == 1:
        return ratios[0]
    weights = map(_weight, *(rows.column(f"{part}_cost") for part in EFFICIENCIES[which]))
    weighed = [(r, w) for r, w in zip(ratios, weights, strict=True) if r is not None and w != 0]
    if not weighed:
        return None
    return total(r * w for r, w in weighed) / total(w for _, w in weighed)


def efficiencies(groups: Groups, which: str) -> Column:
    """``efficiency`` of each group."""
    if groups.are_single:
        return groups.column(f"{which}_efficiency")
    return [efficiency(rows, which) for rows in groups]


def _sum(amounts: Column) -> float | None:
    if not isinstance(amounts, array):
        amounts = array("d", [amount for amount in amounts if amount is not None])
    if len(amounts) == 1:
        return amounts[0]
    return total(amounts) if amounts else None


def _weight(*costs: float | None) -> float:
    """What a row's ratio weighs; NaN, which makes the mean unknown, where a cost is."""
    return total(0.0 if cost < 0 else cost for cost in costs if cost is not None)
