"""What a subject's objects cost at other prices, and what cannot be said of them. Pure.

A total is moved by what its parts changed: what has no price of the user's keeps Kubecost's cost,
and so does what is in a total and in no part. All of it is linear in usage and cost, so totals
that added up before do so after. Costs that cannot be computed are absent, and totals with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from otel_kubecost.processors.pricing.options import Rate
from otel_kubecost.processors.pricing.sheet import CLASSES, COSTS, USAGE, Sheet, Values


class Reason(StrEnum):
    """Why a cost, or a part of one, has not got the user's price."""

    USAGE = "usage_unknown"
    """Nothing says how much was allocated."""
    SPOT = "spot_share_unknown"
    """Nothing says how much of it was on spot nodes, which have another price."""
    COST = "cost_unknown"
    """Kubecost's own cost of a part is not known, so neither is what is left of the total."""
    HOURS = "hours_unknown"
    """Costs are totals of a window, and nothing says of how many hours."""
    TRAFFIC = "traffic_class_unknown"
    """Traffic that is of no zone, region or internet. It keeps Kubecost's cost."""


Amount: TypeAlias = float | Reason | None
"""A cost, why there is none, or None: there is nothing that could cost."""

_SLACK = 1e-3
"""The part of a network's cost that classes may leave open, for rounding."""


@dataclass(frozen=True, slots=True)
class Prices:
    rates: Mapping[str, Rate]
    """Of an hour of what causes a cost, by the word for it: ``cpu``, ``ram``, ``gpu``, ``pv``."""
    network_factors: Mapping[str, float]
    """Own price over Kubecost's, by the word for a class of traffic."""


@dataclass(slots=True)
class Repriced:
    """What a sheet's columns become."""

    sheet: Sheet
    columns: dict[str, Sequence[Amount]] = field(default_factory=dict)
    """Those that have changed, by the end of their names."""
    unpriced: dict[Reason, list[int]] = field(default_factory=dict)
    """The rows of which something has not got the user's price."""

    def column(self, end: str) -> Sequence[Amount]:
        return self.columns.get(end) or self.sheet.column(end)

    def values(self) -> Iterator[tuple[str, Values]]:
        """The changed columns, without what is not known."""
        for end, amounts in self.columns.items():
            yield end, [None if isinstance(one, Reason) else one for one in amounts]


def reprice(sheet: Sheet, prices: Prices, aside: Sequence[Repriced] = ()) -> Repriced:
    """``aside``: what is in the sheet's costs and has no part in its efficiency."""
    found = Repriced(sheet)
    for part, rate in prices.rates.items():
        found.columns[f"{part}_cost"] = _by_usage(sheet, part, rate)
    for part, factor in prices.network_factors.items():
        costs = sheet.column(f"{part}_cost")
        found.columns[f"{part}_cost"] = [(cost or 0.0) * factor or None for cost in costs]
    if prices.network_factors:
        found.columns["network_cost"] = _network(found, prices.network_factors)
    if found.columns:
        found.columns[sheet.subject.total] = _totals(found)
    if {"cpu_cost", "ram_cost"} & found.columns.keys() and "total_efficiency" in sheet.columns:
        found.columns["total_efficiency"] = _efficiencies(found, aside)
    found.unpriced = _reasons(found)
    return found


def _by_usage(sheet: Sheet, part: str, rate: Rate) -> list[Amount]:
    resource = USAGE[part]
    columns = (
        sheet.column(f"{part}_cost"),
        sheet.column(resource),
        sheet.column(f"spot_{resource}"),
    )
    amounts = [
        _amount(used, spot, rate) if used is not None or _is_expected(part, cost) else None
        for cost, used, spot in zip(*columns, strict=True)
    ]
    if not sheet.is_hourly:
        amounts = [amount and Reason.HOURS for amount in amounts]
    # As in Kubecost's answers, a GPU's cost is there only where it is not zero.
    return [amount or None for amount in amounts] if part == "gpu" else amounts


def _is_expected(part: str, cost: float | None) -> bool:
    """Whether there has to be usage; a GPU's cost is absent where it is zero."""
    return part == "gpu" or cost is not None


def _amount(used: float | None, spot: float | None, rate: Rate) -> float | Reason:
    if used is None:
        return Reason.USAGE
    if rate.regular == rate.spot or used == 0:
        return used * rate.regular
    if spot is None:
        return Reason.SPOT
    return (used - spot) * rate.regular + spot * rate.spot


def _network(found: Repriced, factors: Mapping[str, float]) -> list[Amount]:
    """What the classes changed; what is in none of them keeps its cost."""
    classes = zip(*(found.sheet.column(f"{part}_cost") for part in factors), strict=True)
    changes = [
        math.fsum(
            (cost or 0.0) * (factor - 1) for cost, factor in zip(row, factors.values(), strict=True)
        )
        for row in classes
    ]
    whole = found.sheet.column("network_cost")
    return [
        None if cost is None else cost + change for cost, change in zip(whole, changes, strict=True)
    ]


def _totals(found: Repriced) -> list[Amount]:
    parts = [part for part in COSTS if f"{part}_cost" in found.columns]
    before = [found.sheet.column(f"{part}_cost") for part in parts]
    after = [found.columns[f"{part}_cost"] for part in parts]
    moves = zip(
        zip(*before, strict=True) if parts else (),
        zip(*after, strict=True) if parts else (),
        found.sheet.totals,
        strict=True,
    )
    return [_moved(total, parts, old, new) for old, new, total in moves]


def _moved(
    total: float | None, parts: Sequence[str], old: Sequence[float | None], new: Sequence[Amount]
) -> Amount:
    if total is None:
        return None
    terms = [total]
    for part, before, after in zip(parts, old, new, strict=True):
        if isinstance(after, Reason):
            return after
        if before is None and after and part != "gpu":
            return Reason.COST
        terms += [after or 0.0, -(before or 0.0)]
    return math.fsum(terms) + 0.0  # -0.0 + 0.0 is 0.0


def _efficiencies(found: Repriced, aside: Sequence[Repriced]) -> list[Amount]:
    sheet = found.sheet
    rows = zip(
        sheet.column("total_efficiency"),
        zip(sheet.column("cpu_efficiency"), sheet.column("ram_efficiency"), strict=True),
        zip(_weights(found, "cpu_cost", aside), _weights(found, "ram_cost", aside), strict=True),
        strict=True,
    )
    return [_efficiency(said, ratios, weights) for said, ratios, weights in rows]


def _weights(found: Repriced, end: str, aside: Sequence[Repriced]) -> list[float]:
    """What each object's ratio weighs; NaN where that is not known."""
    others = [_number(amount) for one in aside for amount in one.column(end)]
    return [_number(amount) - math.fsum(others) for amount in found.column(end)]


def _number(amount: Amount) -> float:
    return math.nan if isinstance(amount, Reason) else amount or 0.0


def _efficiency(
    said: float | None, ratios: Sequence[float | None], weights: Sequence[float]
) -> float | None:
    """Kubecost's total efficiency is that of CPU and memory, weighted by what they cost."""
    weights = [0.0 if weight < 0 else weight for weight in weights]
    whole = math.fsum(weights)
    if said is None or whole == 0:
        return said
    terms = [
        (math.nan if ratio is None else ratio) * weight
        for ratio, weight in zip(ratios, weights, strict=True)
        if weight != 0
    ]
    mean = math.fsum(terms) / whole
    return mean if math.isfinite(mean) else None


def _reasons(found: Repriced) -> dict[Reason, list[int]]:
    rows: dict[Reason, dict[int, None]] = {}
    for amounts in found.columns.values():
        for row, amount in enumerate(amounts):
            if isinstance(amount, Reason):
                rows.setdefault(amount, {})[row] = None
    if "network_cost" in found.columns:
        for row in _of_no_class(found.sheet):
            rows.setdefault(Reason.TRAFFIC, {})[row] = None
    return {reason: list(of_reason) for reason, of_reason in rows.items()}


def _of_no_class(sheet: Sheet) -> Iterator[int]:
    """The rows of whose traffic a part is in no class, be there a price for that class or not."""
    classes = zip(*(sheet.column(f"{part}_cost") for part in CLASSES), strict=True)
    for row, parts in enumerate(classes):
        whole = sheet.column("network_cost")[row] or 0.0
        if abs(whole - math.fsum(part or 0.0 for part in parts)) > _SLACK * abs(whole):
            yield row
