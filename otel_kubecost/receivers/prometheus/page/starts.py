"""``_created`` lines: since when the totals of the same labels have been counting.

foo_total{a="x"} 5                 row 0   starts at 1700000000
foo_total{a="y"} 7                 row 1   0, not known
foo_created{a="x"} 1700000000      created, row 0
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from otel_kubecost.pdata import ExpositionType, PointColumns, PointDetails, nanoseconds
from otel_kubecost.receivers.prometheus.page.layout import Group

COUNTING = frozenset({ExpositionType.COUNTER, ExpositionType.HISTOGRAM, ExpositionType.SUMMARY})
"""Types whose families may have a ``_created``."""

_APART = {"_bucket": "le", "": "quantile"}
"""By the suffix of a part the label that its rows have beside those of ``_created``."""

_Link: TypeAlias = "array[int]"
_NO_DETAILS = PointDetails()


class Starts:
    """Gives points their starts; remembers from scrape to scrape which rows belong together."""

    def __init__(self) -> None:
        self._links: dict[tuple[int, int], tuple[Group, Group, _Link]] = {}
        self._used = self._links

    def begin(self) -> None:
        """Another page: links that it does not use are forgotten after it."""
        self._links, self._used = self._used, {}

    def given(
        self, group: Group, suffix: str, columns: PointColumns, created: Group, values: array[float]
    ) -> PointColumns:
        """``columns`` of ``group`` with their starts, which ``created`` has among ``values``."""
        link = self._link(group, suffix, created)
        lines = created.lines
        found = (link[row] for row in columns.row_numbers())
        starts = array("q", [_start(values[lines[one]]) if one >= 0 else 0 for one in found])
        return PointColumns(
            columns.table,
            columns.values,
            rows=columns.rows,
            constant=columns.constant,
            time_unix_nano=columns.time_unix_nano,
            details=replace(columns.details or _NO_DETAILS, starts=starts),
        )

    def _link(self, group: Group, suffix: str, created: Group) -> _Link:
        key = id(group), id(created)
        known = self._used.get(key) or self._links.get(key)
        found = known or (group, created, _linked(group, _APART.get(suffix, ""), created))
        self._used[key] = found
        return found[2]


def _linked(group: Group, apart: str, created: Group) -> _Link:
    """Of each row of ``group`` that of ``created``, -1 for none."""
    rows = {labels: row for row, labels in enumerate(_label_sets(created, ""))}
    return array("i", [rows.get(labels, -1) for labels in _label_sets(group, apart)])


def _label_sets(group: Group, apart: str) -> Sequence[frozenset[tuple[str, str]]]:
    rows = map(group.labels.row, range(len(group.lines)))
    return [frozenset(pair for pair in row.items() if pair[0] != apart) for row in rows]


def _start(seconds: float) -> int:
    return nanoseconds(seconds) if math.isfinite(seconds) and 0 < seconds < 2**33 else 0
