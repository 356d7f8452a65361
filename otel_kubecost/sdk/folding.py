"""A batch as what instruments show: one value an attribute set, no more of them than fit. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData, ScopeMetrics

from otel_kubecost.attributes import INSTANCE
from otel_kubecost.pdata import PointColumns, each_scope
from otel_kubecost.sdk.attribute_sets import AttributeSet, AttributeSets


class _Row(NamedTuple):
    attributes: AttributeSet
    value: float
    rank: float


class Folding:
    """What each instrument has shown so far. Not for several threads at once."""

    def __init__(self) -> None:
        self._sets: defaultdict[str, AttributeSets] = defaultdict(AttributeSets)

    def shown(
        self, data: MetricsData, outer: Sequence[str], limit: int
    ) -> dict[str, list[tuple[AttributeSet, float]]]:
        """By metric. Of each no more than ``limit`` attribute sets are ever shown.

        ``outer`` are the attributes that points take over from the resource they are of. Those
        that cost most come first. A sum over all points, or over a namespace that was shown, is
        that of ``data``. Efficiencies cannot be added up: of what is folded there is none. Only
        gauges are shown.
        """
        rows: defaultdict[str, list[_Row]] = defaultdict(list)
        for of_resource, of_scope in each_scope(data):
            about = of_resource.resource.attributes
            of_all = tuple((key, str(about[key])) for key in outer if key in about)
            for name, row in _rows(of_scope, of_all):
                rows[name].append(row)
        return {name: list(self._folded(name, of, limit)) for name, of in rows.items()}

    def _folded(
        self, name: str, rows: Sequence[_Row], limit: int
    ) -> Iterator[tuple[AttributeSet, float]]:
        ranked = sorted(rows, key=lambda row: (-row.rank, row.attributes))
        places = self._sets[name].place([row.attributes for row in ranked], limit)
        together: defaultdict[AttributeSet, list[_Row]] = defaultdict(list)
        for row in ranked:
            place = places[row.attributes]
            if place is not None:
                together[place].append(row)
        for place, of_place in together.items():
            is_itself = [row.attributes for row in of_place] == [place]
            if is_itself or not name.endswith("_efficiency"):
                yield place, math.fsum(row.value for row in of_place)


def _rows(of_scope: ScopeMetrics, outer: AttributeSet) -> Iterator[tuple[str, _Row]]:
    """Each point with the name of its metric. What objects cost in total ranks all their points."""
    columns = {metric.name: one for metric in of_scope.metrics if (one := _columns(metric))}
    totals = {
        id(points.table): dict(zip(points.row_numbers(), points.values, strict=True))
        for name, points in columns.items()
        if name.endswith("_total_cost")
    }
    for name, points in columns.items():
        total = totals.get(id(points.table), {})
        for row, value in zip(points.row_numbers(), points.values, strict=True):
            attributes = (*outer, *_attributes(points, row))
            yield name, _Row(attributes, value, total.get(row, value))


def _columns(metric: Metric) -> PointColumns | None:
    """The points of a gauge; what Kubecost's receiver gives are columns."""
    points = metric.data.data_points if isinstance(metric.data, Gauge) else None
    return points if isinstance(points, PointColumns) else None


def _attributes(points: PointColumns, row: int) -> Iterable[tuple[str, str]]:
    """Which process it is, the process' Resource says."""
    own: Mapping[str, str] = points.table.row(row) | points.constant
    return ((key, value) for key, value in own.items() if key != INSTANCE)
