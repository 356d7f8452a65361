"""The metrics of a scope that are by pod, side by side over one table. Pure.

    table row   k8s.namespace.name  k8s.pod.name   group   total_cost  gpu_cost
    0           default             web-1          0       0.2
    1           default             web-2          0       0.1         0.9
    2           shop                db-0           1       0.7

A group are the rows that differ in the pod alone: those of a namespace. A receiver's metrics share
a table, and so do their copies here. Where each has its own, one is made of them all.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, repeat
from typing import TypeAlias

from opentelemetry.sdk.metrics.export import Gauge, Metric

from otel_kubecost.attributes import CURRENCY, POD
from otel_kubecost.pdata import AttributeTable, PointColumns, ScrapedMetric, columns_of

Name: TypeAlias = tuple[str, ...]
"""What a row is about: its attributes' values, in the order of its table's keys."""

# What an efficiency is weighed by: the costs of the same object that it speaks of.
_WEIGHTS = {
    "cpu_efficiency": ("cpu_cost",),
    "ram_efficiency": ("ram_cost",),
    "total_efficiency": ("cpu_cost", "ram_cost"),
}


@dataclass(frozen=True, slots=True)
class Pods:
    """Metrics by pod whose points have the same attributes."""

    table: AttributeTable
    points: Mapping[str, PointColumns]
    """By the metric's name; all over ``table``."""

    def name(self, row: int) -> Name:
        return tuple(column[row] for column in self.table.columns)

    def known(self, metrics: Iterable[str]) -> Sequence[int]:
        """For each row whether one of ``metrics`` has a point of it."""
        known = bytearray(len(self.table))
        for metric in metrics:
            rows = self.points[metric].rows
            if rows is None:
                return b"\1" * len(known)
            for row in rows:
                known[row] = 1
        return known

    def rows(self) -> Sequence[int]:
        """The rows of which there is a point: the pods."""
        known = self.known(self.points)
        return range(len(known)) if all(known) else array("I", compress(range(len(known)), known))

    def groups(self) -> Sequence[int]:
        """The number of each row's group."""
        columns = zip(self.table.keys, self.table.columns, strict=True)
        codes = [column.codes for key, column in columns if key != POD]
        if len(codes) == 1:
            return codes[0]
        numbers: dict[tuple[int, ...], int] = {}
        of_rows = zip(repeat(0, len(self.table)), *codes, strict=True)
        return array("I", (numbers.setdefault(row, len(numbers)) for row in of_rows))

    def sums(self, metrics: Iterable[str]) -> Sequence[float]:
        """For each row what ``metrics`` have together; what is not known adds nothing."""
        columns = [self._by_row(metric) for metric in metrics if metric in self.points]
        if len(columns) == 1:
            return columns[0]
        if not columns:
            return array("d", bytes(8 * len(self.table)))
        return array("d", map(math.fsum, zip(*columns, strict=True)))

    def weights(self, metric: str) -> Sequence[float] | None:
        """For each row what it weighs in a mean of ``metric``; None for what is added up."""
        costs = weighed_by(metric)
        return (
            array("d", (cost if cost > 0 else 0.0 for cost in self.sums(costs))) if costs else None
        )

    def _by_row(self, metric: str) -> array[float]:
        points = self.points[metric]
        if points.rows is None:
            return points.values
        values = array("d", bytes(8 * len(self.table)))
        for row, value in zip(points.rows, points.values, strict=True):
            values[row] = value
        return values


def weighed_by(metric: str) -> tuple[str, ...]:
    """The costs that an efficiency is weighed by; of any other metric none."""
    for efficiency, costs in _WEIGHTS.items():
        if metric.endswith(efficiency):
            return tuple(f"{metric.removesuffix(efficiency)}{cost}" for cost in costs)
    return ()


def pods_of(metrics: Iterable[Metric]) -> list[Pods]:
    """Those of ``metrics`` that are by pod; together stand those with the same attributes."""
    by_keys: dict[tuple[str, ...], dict[str, PointColumns]] = {}
    for metric in metrics:
        points = pod_columns(metric)
        if points is not None:
            by_keys.setdefault(points.table.keys, {})[metric.name] = points
    return [_side_by_side(points) for points in by_keys.values()]


def pod_columns(metric: Metric) -> PointColumns | None:
    """The points of a gauge by pod, as columns; None for any other metric, and what was scraped.

    Of that nothing says what several pods would be together.
    """
    if not isinstance(metric.data, Gauge) or isinstance(metric, ScrapedMetric):
        return None
    points = columns_of(metric.data.data_points)
    return _by_pod(points) if points is not None and POD in points.table.keys else None


def _by_pod(points: PointColumns) -> PointColumns:
    """``points`` with their currency, where it is one, beside the table.

    It says in what a cost is counted, not whose it is, and efficiencies have none.
    """
    table = points.table
    if CURRENCY not in table.keys:
        return points
    at = table.keys.index(CURRENCY)
    currencies = set(table.columns[at].values)
    if len(currencies) != 1:
        return points
    keys, columns = list(table.keys), list(table.columns)
    del keys[at], columns[at]
    return PointColumns(
        AttributeTable(keys, columns, len(table)),
        points.values,
        rows=points.rows,
        constant={**points.constant, CURRENCY: currencies.pop()},
        time_unix_nano=points.time_unix_nano,
        start_time_unix_nano=points.start_time_unix_nano,
    )


def _side_by_side(points: Mapping[str, PointColumns]) -> Pods:
    tables = {id(one.table): one.table for one in points.values()}
    table = next(iter(tables.values()))
    return Pods(table, points) if len(tables) == 1 else _joined(table.keys, points)


def _joined(keys: Sequence[str], points: Mapping[str, PointColumns]) -> Pods:
    """The same points over one table with the rows of all."""
    values = {metric: _by_name(one) for metric, one in points.items()}
    names = list(set().union(*values.values()))
    table = AttributeTable.of(keys, names)
    joined = {
        metric: PointColumns.of(
            table,
            map(values[metric].get, names),
            constant=one.constant,
            time_unix_nano=one.time_unix_nano,
        )
        for metric, one in points.items()
    }
    return Pods(table, joined)


def _by_name(points: PointColumns) -> dict[Name, float]:
    columns = points.table.columns
    rows = zip(points.row_numbers(), points.values, strict=True)
    return {tuple(column[row] for column in columns): value for row, value in rows}
