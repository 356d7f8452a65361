"""The points of a gauge as OTLP's JSON, from columns: no point is built.

A third of the work of building points, and objects for them: 6 instead of 19 µs for each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import repeat

from otel_kubecost.exporters.otlp_json_file.objects import (
    as_json,
    attributes_of,
    double_of,
    in_utf8,
)
from otel_kubecost.pdata import PointColumns


def texts_of(points: PointColumns) -> Iterator[bytes]:
    """One by one, in their order. Of ``details`` they may have times alone."""
    table, rows = points.table, points.row_numbers()
    columns = [
        map(_attribute(key, is_sparse=table.is_sparse), column.strings_at(rows))
        for key, column in zip(table.keys, table.columns, strict=True)
        if key not in points.constant
    ]
    constant = [as_json(one) for one in attributes_of(points.constant)]
    own_times = points.details.times if points.details else None
    times = own_times or repeat(points.time_unix_nano, len(points))
    for value, time, *attributes in zip(points.values, times, *columns, strict=True):
        own = filter(None, attributes) if table.is_sparse else attributes
        joined = ",".join([*own, *constant])
        opening = f'{{"timeUnixNano":"{time}","asDouble":{_number(value)}'
        yield in_utf8(f'{opening},"attributes":[{joined}]}}')


def _attribute(key: str, *, is_sparse: bool) -> Callable[[str], str]:
    """The attribute with a text; of a sparse table an empty text is none."""
    opening = f'{{"key":{as_json(key)},"value":{{"stringValue":'
    return lambda text: "" if is_sparse and not text else f"{opening}{as_json(text)}}}}}"


def _number(value: float) -> str:
    return repr(value) if math.isfinite(value) else as_json(double_of(value))
