"""The metrics of one level side by side: a row for each object, a column for each metric. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from opentelemetry.sdk.metrics.export import Gauge, Metric

from otel_kubecost.attributes import CURRENCY
from otel_kubecost.pdata import AttributeTable, PointColumns, columns_of

PREFIX = "cloudtuner_kubecost_"

Values: TypeAlias = Sequence[float | None]
"""One for each row; None where there is no point."""

COSTS = ("cpu", "ram", "gpu", "pv", "network")
CLASSES = ("network_cross_zone", "network_cross_region", "network_internet")
"""Parts of the network's cost."""
USAGE = {"cpu": "cpu_cores", "ram": "ram_bytes", "gpu": "gpus", "pv": "pv_bytes"}
"""What causes a cost."""
_NAMES = (
    *(f"{part}_cost" for part in (*COSTS, *CLASSES)),
    *USAGE.values(),
    *(f"spot_{resource}" for resource in USAGE.values()),
    *(f"{which}_efficiency" for which in ("cpu", "ram", "total")),
)


class Subject(NamedTuple):
    """A level, or what belongs to none of its objects."""

    name: str
    """With which the names of its metrics begin."""
    total: str
    """How that of its total ends."""


_LEVELS = ("namespace", "controller", "pod", "node", "label", "annotation")
ASIDE = tuple(
    Subject(f"cluster_{kind}", "cost") for kind in ("idle", "unallocated", "unmounted", "shared")
)
"""What of a cluster belongs to no namespace."""
WHOLE = Subject("cluster", "total_cost")
OTHERS = (
    *(Subject(level, "total_cost") for level in _LEVELS),
    *(Subject(f"{level}_unallocated", "cost") for level in _LEVELS),
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One subject's metrics in one scope, by the end of their names."""

    subject: Subject
    metrics: Mapping[str, Metric]
    table: AttributeTable
    columns: Mapping[str, Values]
    time_unix_nano: int

    @classmethod
    def of(cls, subject: Subject, metrics: Mapping[str, Metric]) -> Sheet | None:
        """``metrics`` are a scope's, by name; None where the subject has no costs."""
        found: dict[str, Metric] = {}
        points: dict[str, PointColumns] = {}
        for end in (subject.total, *_NAMES):
            metric = metrics.get(f"{PREFIX}{subject.name}_{end}")
            columns = _columns(metric) if metric else None
            if metric and columns is not None and len(columns) and _fits(columns, points):
                found[end], points[end] = metric, columns
        if not any(end.endswith("cost") for end in found):
            return None
        table, columns_by_end = _aligned(points)
        time = next(iter(points.values())).time_unix_nano
        return cls(subject, found, table, columns_by_end, time)

    @property
    def totals(self) -> Values:
        return self.column(self.subject.total)

    @property
    def is_hourly(self) -> bool:
        """Whether costs are rates; totals of a window do not say of how many hours."""
        return all((metric.unit or "").endswith("/h}") for metric in self._costs)

    def column(self, end: str) -> Values:
        return self.columns.get(end) or (None,) * len(self.table)

    def name(self, row: int) -> str:
        """What a row is about, for people."""
        return "/".join(self.table.row(row).values()) or self.subject.name

    def metric(self, end: str, values: Values) -> Metric:
        """The metric with these values; one that there was none of is made like another cost."""
        like = self.metrics.get(end) or self.metrics.get("cpu_cost", self._costs[0])
        points = PointColumns.of(
            self.table, values, constant=_currency(like), time_unix_nano=self.time_unix_nano
        )
        name = f"{PREFIX}{self.subject.name}_{end}"
        if name == like.name:
            return replace(like, data=Gauge(points))
        of = (like.description or "").partition(" of ")[2]
        words = f"{end.removesuffix('_cost').upper()} cost of {of}"
        return replace(like, name=name, description=words, data=Gauge(points))

    @property
    def _costs(self) -> list[Metric]:
        """One at least."""
        return [metric for end, metric in self.metrics.items() if end.endswith("cost")]


def _currency(metric: Metric) -> Mapping[str, str]:
    """The attribute ``currency`` of a metric's points, which is one for all of them."""
    attributes = metric.data.data_points[0].attributes or {}
    return {CURRENCY: str(attributes[CURRENCY])} if CURRENCY in attributes else {}


def _columns(metric: Metric) -> PointColumns | None:
    """The points of a gauge without their currency; None where they are not alike.

    It says in what a cost is counted, not whose it is, and usage has none.
    """
    points = columns_of(metric.data.data_points) if isinstance(metric.data, Gauge) else None
    if points is None or CURRENCY not in points.table.keys:
        return points
    table = points.table
    kept = [at for at, key in enumerate(table.keys) if key != CURRENCY]
    keys, columns = [table.keys[at] for at in kept], [table.columns[at] for at in kept]
    return PointColumns(
        AttributeTable(keys, columns, len(table)),
        points.values,
        rows=points.rows,
        time_unix_nano=points.time_unix_nano,
    )


def _fits(columns: PointColumns, others: Mapping[str, PointColumns]) -> bool:
    """Whether the points are about the same sort of thing: their attributes have the same keys."""
    return all(set(columns.table.keys) == set(one.table.keys) for one in others.values())


def _aligned(
    points: Mapping[str, PointColumns],
) -> tuple[AttributeTable, dict[str, Values]]:
    """All columns over one table, which is theirs where they share one."""
    tables = {id(one.table): one.table for one in points.values()}
    if len(tables) == 1:
        (table,) = tables.values()
        places: dict[int, Sequence[int]] = {id(table): range(len(table))}
    else:
        table, places = _joined(list(tables.values()))
    return table, {
        end: _spread(one, places[id(one.table)], len(table)) for end, one in points.items()
    }


def _joined(
    tables: Sequence[AttributeTable],
) -> tuple[AttributeTable, dict[int, Sequence[int]]]:
    """One table of the rows of all, and where in it the rows of each are."""
    keys = tables[0].keys
    rows = {id(table): list(_rows(table, keys)) for table in tables}
    index: dict[tuple[str, ...], int] = {}
    places: dict[int, Sequence[int]] = {
        at: [index.setdefault(row, len(index)) for row in of_table] for at, of_table in rows.items()
    }
    return AttributeTable.of(keys, list(index)), places


def _rows(table: AttributeTable, keys: Sequence[str]) -> Iterable[tuple[str, ...]]:
    columns = [table.columns[table.keys.index(key)] for key in keys]
    return (tuple(column[row] for column in columns) for row in range(len(table)))


def _spread(points: PointColumns, places: Sequence[int], size: int) -> Values:
    values: list[float | None] = [None] * size
    for row, value in zip(points.row_numbers(), points.values, strict=True):
        values[places[row]] = value
    return values
