"""Points that became the same series: one is left of them where they can be added up. Pure.

Who takes away what told series apart makes several of them one. The Collector sends them all, and
what receives them keeps any one: a number that is nobody's. Here what can be added is: sums are
(OpenTelemetry's data model has addition as their merge), and gauges of an amount of money, which
say their ``currency``, as long as it is one. Of all others, efficiencies and histograms among them,
none is left, for nothing tells how they would become one. What is not known adds nothing.

In columns a series has one point, and so it has afterwards: a sum is as new as the newest of what
is added up. In lists points of other times are other points.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

from opentelemetry.sdk.metrics.export import Gauge, Sum

from otel_kubecost.attributes import CURRENCY
from otel_kubecost.pdata import PointColumns, PointDetails, StringColumn
from otel_kubecost.processors.editing.arrangement import Arrangement, column_attributes

P_co = TypeVar("P_co", bound=Sequence[Any], covariant=True)


class Folded(NamedTuple, Generic[P_co]):
    """Points, each of another series."""

    points: P_co
    lost: int = 0
    """Of how many series nothing is left."""


def folded_columns(
    data: object, points: PointColumns, to: Arrangement, constant: Mapping[str, str]
) -> Folded[PointColumns]:
    """``points`` of ``data`` over the table of ``to``."""
    rows, values, details, lost = points.rows, points.values, points.details, 0
    if to.into is not None:
        groups = _groups(map(to.into.__getitem__, points.row_numbers()))
        kept = _addable(groups, _units(data, points))
        left = sorted(kept)
        rows = array("I", left) if len(left) < len(to.table) else None
        places = [kept[row] for row in left]
        values = array("d", (_total([points.values[at] for at in one]) for one in places))
        details = details and _folded_details(details, places)
        lost = len(groups) - len(kept)
    folded = PointColumns(
        to.table,
        values,
        rows=rows,
        constant=constant,
        time_unix_nano=points.time_unix_nano,
        start_time_unix_nano=points.start_time_unix_nano,
        details=details,
    )
    return Folded(folded, lost)


def _folded_details(details: PointDetails, places: Sequence[Sequence[int]]) -> PointDetails:
    """Of points each of which is the sum of those at some places."""
    times, starts, found = details.times, details.starts, details.exemplars or {}
    exemplars = {
        at: [*chain.from_iterable(found.get(place, ()) for place in of_sum)]
        for at, of_sum in enumerate(places)
        if not found.keys().isdisjoint(of_sum)
    }
    return PointDetails(
        times and array("q", (max(times[place] for place in of_sum) for of_sum in places)),
        starts and array("q", (min(starts[place] for place in of_sum) for of_sum in places)),
        exemplars or None,
    )


def folded_points(
    data: object, before: Sequence[Any], after: Sequence[Any]
) -> Folded[Sequence[Any]]:
    """``after``; ``before`` are the points of ``data`` that they were, one by one."""
    groups = _groups(map(_name, after))
    if len(groups) == len(after):
        return Folded(after)
    kept = _addable(groups, _units(data, before))
    points = [_one_of([after[at] for at in places]) for places in kept.values()]
    return Folded(points, len(groups) - len(kept))


def _name(point: Any) -> Hashable:
    """What a point shares with no other: its series and its time. 1, 1.0 and true are three."""
    attributes = (point.attributes or {}).items()
    return frozenset((key, repr(value)) for key, value in attributes), point.time_unix_nano


def _groups(names: Iterable[Any]) -> dict[Any, list[int]]:
    """By name the places that have it."""
    groups: dict[Any, list[int]] = {}
    for place, name in enumerate(names):
        groups.setdefault(name, []).append(place)
    return groups


def _addable(groups: Mapping[Any, list[int]], units: Sequence[Any]) -> dict[Any, list[int]]:
    """Those of ``groups`` that have one place, or places that are all of one unit."""

    def is_one(places: Sequence[int]) -> bool:
        of = {units[at] for at in places}
        return len(places) == 1 or (len(of) == 1 and None not in of)

    return {name: places for name, places in groups.items() if is_one(places)}


def _units(data: object, points: Sequence[Any]) -> Sequence[str | None]:
    """For each point in what it counts; None where it cannot be added to another."""
    if isinstance(data, Sum):
        return [""] * len(points)
    if not isinstance(data, Gauge):
        return [None] * len(points)
    if not isinstance(points, PointColumns):
        return [_currency((point.attributes or {}).get(CURRENCY)) for point in points]
    currency = column_attributes(points).get(CURRENCY)
    if isinstance(currency, StringColumn):
        return [_currency(one) for one in currency.strings_at(points.row_numbers())]
    return [_currency(currency)] * len(points)


def _currency(value: object) -> str | None:
    return value if value and isinstance(value, str) else None


def _one_of(points: Sequence[Any]) -> Any:
    """The sum of ``points`` of numbers, which is as old as the oldest of them."""
    if len(points) == 1:
        return points[0]
    return replace(
        points[0],
        value=_total([point.value for point in points]),
        start_time_unix_nano=min(point.start_time_unix_nano or 0 for point in points),
        exemplars=list(chain.from_iterable(point.exemplars for point in points)),
    )


def _total(values: Sequence[float]) -> float:
    """Exact, so that their order does not matter; the sum of integers is one."""
    if len(values) == 1:
        return values[0]
    try:
        return sum(values) if all(isinstance(one, int) for one in values) else math.fsum(values)
    except (OverflowError, ValueError):  # of what is not finite, or will not be
        return sum(values)
