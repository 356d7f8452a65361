"""Rows to columns of numbers: a cost with its adjustment, an efficiency, hours. Pure.

What a row does not report is None in a column, what it reports as ``null`` is NaN: that is how the
API writes what it does not know. A column of numbers alone, as nearly every one is, is an array.
"""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Iterable, Mapping, Sequence
from operator import add
from typing import TypeAlias

from msgspec import UNSET
from msgspec.structs import astuple

from otel_kubecost.receivers.kubecost.doubles import are_zero, doubles
from otel_kubecost.receivers.kubecost.rows import Number, Row

Column: TypeAlias = "array[float] | list[float | None]"

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

MEASURES: Mapping[str, tuple[str, ...]] = {
    **{f"{part}_cost": tuple(filter(None, fields)) for part, fields in COSTS.items()},
    **{name: (name,) for name in (f"{which}_efficiency" for which in EFFICIENCIES)},
    **{
        name: (name,) for name in ("cpu_core_hours", "ram_byte_hours", "gpu_hours", "pv_byte_hours")
    },
}
"""What is taken of rows, by name, with the fields that say it."""


def measured(rows: Sequence[Row], measures: Iterable[str]) -> dict[str, Column]:
    """Each of ``measures`` of each of ``rows``, which are of one type; there is one at least.

    Where every row reports a number there is nothing to decide row by row.
    """
    names = {name for measure in measures for name in MEASURES[measure]}
    values = zip(
        type(rows[0]).__struct_fields__, zip(*map(astuple, rows), strict=True), strict=True
    )
    fields = {name: _numbers(of_rows) for name, of_rows in values if name in names}
    return {measure: _plain(fields, measure) or _by_row(rows, measure) for measure in measures}


def _numbers(values: Iterable[Number]) -> array[float] | None:
    """None where one of ``values`` is no number."""
    try:
        return doubles(values)  # type: ignore[arg-type]  # that is what it finds out
    except struct.error:
        return None


def _plain(fields: Mapping[str, array[float] | None], measure: str) -> array[float] | None:
    name, *adjustment = MEASURES[measure]
    amounts = fields[name]
    if amounts is None or not adjustment:
        return amounts
    extra = fields[adjustment[0]]
    if extra is None:
        return None
    return amounts if are_zero(extra) else doubles(map(add, amounts, extra))


def _by_row(rows: Iterable[Row], measure: str) -> list[float | None]:
    part = measure.removesuffix("_cost")
    if part in COSTS:
        return [_row_cost(row, part) for row in rows]
    return [_float(getattr(row, measure)) for row in rows]


def joined(column: Column, more: Column) -> Column:
    """``more`` behind ``column``, which is used up."""
    if isinstance(column, array) and not isinstance(more, array):
        return [*column, *more]
    column.extend(more)  # type: ignore[arg-type]  # an array gets an array
    return column


def total(amounts: Iterable[float]) -> float:
    """Rounded once; beyond all doubles it is not known."""
    try:
        return math.fsum(amounts)
    except (OverflowError, ValueError):
        return math.nan


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
    return total(amount for amount in parts.values() if amount is not None)


def _float(number: Number) -> float | None:
    if number is UNSET:
        return None
    return math.nan if number is None else float(number)
