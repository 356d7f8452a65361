"""Keep some pods, and fold the others so that no cost is lost. Pure.

Of the others, each namespace's costs are added up, and what they were allocated; its efficiencies
are averaged by cost, all under the pod name ``__other__``. What is not known of a pod adds nothing,
folded or not: the sum over a namespace's pods is the same before and after. Prices are therefore
for the processor ``pricing`` to change before, not after.

    row   namespace  pod        into      new row   namespace  pod
    0     default    web-1      0         0         default    __other__   (of rows 0 and 1)
    1     default    web-2      0         1         shop       db-0
    2     shop       db-0       1
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import mul
from typing import NamedTuple

from otel_kubecost.attributes import POD
from otel_kubecost.pdata import AttributeTable, PointColumns
from otel_kubecost.processors.cardinality_limit.pods import Name, Pods

OTHER = "__other__"

_DROPPED = -1


class _Plan(NamedTuple):
    """A smaller table, and for each row of the larger one the row that it becomes part of."""

    table: AttributeTable
    into: Sequence[int]


def limited(
    pods: Pods, kept: Iterable[int], metrics: Iterable[str], *, fold: bool
) -> dict[str, PointColumns]:
    """``metrics`` by name, over one new table; rows that are not ``kept`` are folded or dropped."""
    plan = _plan(pods, kept, fold=fold)
    of_all = _members(range(len(plan.into)), plan)
    result = {}
    for metric in metrics:
        points = pods.points[metric]
        members = of_all if points.rows is None else _members(points.rows, plan)
        result[metric] = PointColumns.of(
            plan.table,
            _combined(points, members, pods.weights(metric)),
            constant=points.constant,
            time_unix_nano=points.time_unix_nano,
        )
    return result


def _plan(pods: Pods, kept: Iterable[int], *, fold: bool) -> _Plan:
    own = {row: pods.name(row) for row in kept}
    others = _others(pods, own) if fold else {}
    names = sorted({*own.values(), *others.values()})
    number = {name: at for at, name in enumerate(names)}
    folded = {group: number[name] for group, name in others.items()}
    into = array("i", map(folded.get, pods.groups(), repeat(_DROPPED)))
    for row, name in own.items():
        into[row] = number[name]
    return _Plan(AttributeTable.of(pods.table.keys, names), into)


def _others(pods: Pods, kept: Container[int]) -> Mapping[int, Name]:
    """What the rows of each group become that are not kept."""
    pod, groups = pods.table.keys.index(POD), pods.groups()
    one_of = {groups[row]: row for row in pods.rows() if row not in kept}
    names = {group: pods.name(row) for group, row in one_of.items()}
    return {group: (*name[:pod], OTHER, *name[pod + 1 :]) for group, name in names.items()}


def _members(rows: Sequence[int], plan: _Plan) -> list[array[int]]:
    """For each new row the places of the points that become part of it, of points with ``rows``."""
    members = [array("I") for _ in range(len(plan.table) + 1)]
    for place, row in enumerate(map(plan.into.__getitem__, rows)):
        members[row].append(place)
    del members[_DROPPED]
    return members


def _combined(
    points: PointColumns, members: Iterable[Sequence[int]], weights: Sequence[float] | None
) -> Iterator[float | None]:
    """The value of each new row; None where nothing is known, or nothing says what pods weigh."""
    values = points.values
    if weights is None:
        return (_sum(values, places) for places in members)
    weight = array("d", map(weights.__getitem__, points.row_numbers()))
    return (_mean(values, weight, places) for places in members)


def _sum(values: Sequence[float], places: Sequence[int]) -> float | None:
    if len(places) < 2:
        return values[places[0]] if places else None
    return math.fsum(map(values.__getitem__, places))


def _mean(ratios: Sequence[float], weights: Sequence[float], places: Sequence[int]) -> float | None:
    if len(places) < 2:
        return ratios[places[0]] if places else None
    weight = [weights[place] for place in places]
    total = math.fsum(weight)
    return math.fsum(map(mul, map(ratios.__getitem__, places), weight)) / total if total else None
