"""Data points as columns: small inside, the list they stand for outside.

``MetricsData`` nests four levels (resource, scope, metric, data points). Only the lowest one is
large, and it is typed ``Sequence``: ``PointColumns`` is such a sequence. It keeps attributes once
for all metrics that share them, strings by reference and values in an array, and makes a real
``NumberDataPoint`` only for whoever iterates::

    AttributeTable               PointColumns "namespace_total_cost"   "namespace_cpu_cost"
    row  k8s.namespace.name      rows None (= all)                     rows [0, 2]
    0    default                 0.245                                 0.200
    1    kube-system             0.189                                 (unknown: no point)
    2    shop                    1.020                                 0.710

Every SDK exporter reads it as the list it stands for; our own exporters recognise it and never
build a point.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import overload

from opentelemetry.sdk.metrics.export import NumberDataPoint

from otel_kubecost.pdata.details import PointDetails


class StringColumn:
    """Strings by reference: row ``i`` holds ``values[codes[i]]``.

    ``values`` are distinct, or else there is one for each row.
    """

    __slots__ = ("codes", "values")

    def __init__(self, codes: array[int], values: Sequence[str]) -> None:
        self.codes = codes
        self.values = values

    @classmethod
    def of(cls, strings: Iterable[str]) -> StringColumn:
        """Encode ``strings``; values keep the order of their first appearance."""
        texts = list(strings)
        values = list(dict.fromkeys(texts))
        if len(values) == len(texts):
            return cls.apart(texts)
        codes = dict(zip(values, range(len(values)), strict=True))
        return cls(array("I", map(codes.__getitem__, texts)), values)

    def codes_at(self, rows: Sequence[int]) -> Iterable[int]:
        """The codes of ``rows``, which are a range without gaps or an array."""
        if isinstance(rows, range):
            return self.codes[rows.start : rows.stop]
        return map(self.codes.__getitem__, rows)

    def strings_at(self, rows: Sequence[int]) -> Iterator[str]:
        """As ``codes_at``, the strings themselves."""
        return map(self.values.__getitem__, self.codes_at(rows))

    @classmethod
    def apart(cls, strings: Sequence[str]) -> StringColumn:
        """One value a row: for names that are nearly all distinct, which is not looked for."""
        return cls(array("I", range(len(strings))), strings)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> str:
        return self.values[self.codes[row]]


class AttributeTable:
    """String attributes of many points: one column a key, one row an object (a pod, say).

    Rows are distinct, which lets an exporter skip the search for repeated series. Nothing here
    looks: whoever makes a table guarantees it. The receiver's rows and the processors' are keys of
    a mapping, ``columns_of`` compares those of foreign points.
    """

    __slots__ = ("_size", "columns", "is_sparse", "keys")

    def __init__(
        self,
        keys: Sequence[str],
        columns: Sequence[StringColumn],
        size: int,
        *,
        is_sparse: bool = False,
    ) -> None:
        """``is_sparse``: an empty string says that the row goes without the key."""
        self.keys = tuple(keys)
        self.columns = tuple(columns)
        self.is_sparse = is_sparse
        self._size = size

    @classmethod
    def of(cls, keys: Sequence[str], rows: Sequence[Sequence[str]]) -> AttributeTable:
        """A table of ``rows``, each with one string a key."""
        columns = [StringColumn.of(row[at] for row in rows) for at in range(len(keys))]
        return cls(keys, columns, len(rows))

    def __len__(self) -> int:
        return self._size

    def row(self, at: int) -> dict[str, str]:
        pairs = {key: column[at] for key, column in zip(self.keys, self.columns, strict=True)}
        return {key: text for key, text in pairs.items() if text} if self.is_sparse else pairs


_NONE = PointDetails()


class PointColumns(Sequence[NumberDataPoint]):
    """The data points of one metric as columns; to any reader a sequence of ``NumberDataPoint``.

    ``rows`` are the table's rows that have a value, strictly ascending; None stands for all of
    them. ``constant`` are attributes that every point has beside its row's (``currency``, say).
    All points have one time, but for what ``details`` say of single ones.
    """

    __slots__ = (
        "constant", "details", "rows", "start_time_unix_nano", "table", "time_unix_nano", "values",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913  the columns are what a point is made of
        self,
        table: AttributeTable,
        values: array[float],
        *,
        rows: array[int] | None = None,
        constant: Mapping[str, str] | None = None,
        time_unix_nano: int = 0,
        start_time_unix_nano: int = 0,
        details: PointDetails | None = None,
    ) -> None:
        expected = len(table) if rows is None else len(rows)
        if len(values) != expected:
            raise ValueError(f"{len(values)} values for {expected} rows")
        self.table = table
        self.values = values
        self.rows = rows
        self.constant = dict(constant or {})
        self.time_unix_nano = time_unix_nano
        self.start_time_unix_nano = start_time_unix_nano
        self.details = details

    @classmethod
    def of(
        cls,
        table: AttributeTable,
        values: Iterable[float | None],
        *,
        constant: Mapping[str, str] | None = None,
        time_unix_nano: int = 0,
    ) -> PointColumns:
        """Points from one value a row of ``table``; None is a value not known: no point."""
        column, rows = _known(values)
        return cls(table, column, rows=rows, constant=constant, time_unix_nano=time_unix_nano)

    def at(self, time_unix_nano: int) -> PointColumns:
        """The same points at another time, all of them; shares every column but the details."""
        return PointColumns(
            self.table,
            self.values,
            rows=self.rows,
            constant=self.constant,
            time_unix_nano=time_unix_nano,
            start_time_unix_nano=self.start_time_unix_nano,
        )

    def with_constant(self, constant: Mapping[str, str]) -> PointColumns:
        """The same points with other attributes beside their rows'; shares every column."""
        return PointColumns(
            self.table,
            self.values,
            rows=self.rows,
            constant=constant,
            time_unix_nano=self.time_unix_nano,
            start_time_unix_nano=self.start_time_unix_nano,
            details=self.details,
        )

    def select(self, chosen: Iterable[int]) -> PointColumns:
        """The points at these places, ascending; shares the table."""
        places = array("I", chosen)
        if len(places) == len(self):
            return self
        rows = places
        if self.rows is not None:
            rows = array("I", map(self.rows.__getitem__, places))
        return PointColumns(
            self.table,
            array("d", map(self.values.__getitem__, places)),
            rows=rows,
            constant=self.constant,
            time_unix_nano=self.time_unix_nano,
            start_time_unix_nano=self.start_time_unix_nano,
            details=self.details and self.details.select(places),
        )

    def shares(self, other: PointColumns) -> bool:
        """Whether both are the same columns, at whatever times; equal ones are not enough."""
        return (
            self.table is other.table
            and self.values is other.values
            and self.rows is other.rows
            and self.constant == other.constant
            and self.start_time_unix_nano == other.start_time_unix_nano
            and self.details is other.details
        )

    def row_numbers(self) -> Sequence[int]:
        """For each point its row in ``table``."""
        return range(len(self.table)) if self.rows is None else self.rows

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, at: int) -> NumberDataPoint: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[NumberDataPoint]: ...
    def __getitem__(self, at: int | slice) -> NumberDataPoint | Sequence[NumberDataPoint]:
        if isinstance(at, slice):
            return [self._point(index) for index in range(*at.indices(len(self)))]
        index = at + len(self) if at < 0 else at
        if not 0 <= index < len(self):
            raise IndexError(at)
        return self._point(index)

    def __iter__(self) -> Iterator[NumberDataPoint]:
        return map(self._point, range(len(self)))

    def _point(self, index: int) -> NumberDataPoint:
        row = index if self.rows is None else self.rows[index]
        details = self.details or _NONE
        return NumberDataPoint(
            attributes={**self.table.row(row), **self.constant},
            start_time_unix_nano=details.starts[index]
            if details.starts
            else self.start_time_unix_nano,
            time_unix_nano=details.times[index] if details.times else self.time_unix_nano,
            value=self.values[index],
            exemplars=(details.exemplars or {}).get(index, []),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<PointColumns {len(self)} points by {', '.join(self.table.keys) or 'nothing'}>"


def _known(values: Iterable[float | None]) -> tuple[array[float], array[int] | None]:
    """The values that are known, and their rows; None for all of them. An array is all known."""
    if isinstance(values, array):
        return values, None
    given = list(values)
    known = array("d", [value for value in given if value is not None])
    if len(known) == len(given):
        return known, None
    return known, array("I", [row for row, value in enumerate(given) if value is not None])


def columns_of(points: Sequence[NumberDataPoint]) -> PointColumns | None:
    """``points`` as columns, or None where they are not alike.

    Alike are points of one time whose attributes have the same keys, all with string values, no
    two points with the same attributes, and float values.
    """
    if isinstance(points, PointColumns):
        return points
    if not points or not all(isinstance(point, NumberDataPoint) for point in points):
        return None
    first = points[0]
    keys = tuple(first.attributes or ())
    rows = [tuple((point.attributes or {}).get(key) for key in keys) for point in points]
    strings = [tuple(text for text in row if isinstance(text, str)) for row in rows]
    if any(len(row) != len(keys) for row in strings) or len(set(strings)) != len(strings):
        return None
    alike = all(
        len(point.attributes or ()) == len(keys)
        and point.time_unix_nano == first.time_unix_nano
        and point.start_time_unix_nano == first.start_time_unix_nano
        and not point.exemplars
        for point in points
    )
    if not alike:
        return None
    return PointColumns(
        AttributeTable.of(keys, strings),
        array("d", (point.value for point in points)),
        time_unix_nano=first.time_unix_nano,
        start_time_unix_nano=first.start_time_unix_nano or 0,
    )
