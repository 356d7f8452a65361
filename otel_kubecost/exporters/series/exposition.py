"""Families of series to the text exposition format, version 0.0.4.

    # HELP kubecost_namespace_cost Cost per hour.
    # TYPE kubecost_namespace_cost gauge
    kubecost_namespace_cost{cluster="prod",namespace="shop"} 1.02

Families are sorted by name, series by their labels: the same data is the same page. Series that
came as columns are never built; the text of a label is made once for each distinct string.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import repeat
from operator import attrgetter, itemgetter

from otel_kubecost.exporters.series.floats import format_float
from otel_kubecost.exporters.series.labels import NAME
from otel_kubecost.exporters.series.model import ColumnSeries, Family, Labels, Series, Type
from otel_kubecost.pdata import StringColumn

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_RESERVED_SUFFIXES = ("_count", "_sum", "_bucket")


def render(families: Iterable[Family], *, timestamps: bool = False) -> bytes:
    """The page with ``families``, whose names are distinct.

    With ``timestamps`` every sample has its own, in milliseconds; without them a series is its
    newest sample.
    """
    lines: list[str] = []
    for family in sorted(families, key=attrgetter("name")):
        lines += _head(family)
        lines += _body(family, timestamps=timestamps)
    return "".join(lines).encode()


def _head(family: Family) -> Iterator[str]:
    if family.help:
        text = family.help.replace("\\", "\\\\").replace("\n", "\\n")
        yield f"# HELP {family.name} {text}\n"
    yield f"# TYPE {family.name} {_declared_type(family)}\n"


def _declared_type(family: Family) -> Type:
    """A gauge may have a name that only histograms should: then it has no type, says promlint."""
    reserved = family.type is Type.GAUGE and family.name.endswith(_RESERVED_SUFFIXES)
    return Type.UNKNOWN if reserved else family.type


def _body(family: Family, *, timestamps: bool) -> Iterator[str]:
    if isinstance(family.series, ColumnSeries):
        return _column_lines(family.name, family.series, timestamps=timestamps)
    return _lines(family, family.series, timestamps=timestamps)


def _lines(family: Family, series: Iterable[Series], *, timestamps: bool) -> Iterator[str]:
    # The buckets of one histogram stay as they are: 10 comes after 9.
    apart = {NAME, "le"} if family.type is Type.HISTOGRAM else {NAME}
    for labels, samples, *_ in sorted(series, key=lambda one: _label_text(one.labels, apart)):
        name, text = dict(labels)[NAME], _label_text(labels, {NAME})
        for time, value in samples if timestamps else samples[-1:]:
            yield _line(name, text, value, time if timestamps else None)


def _label_text(labels: Labels, apart: Container[str]) -> str:
    return "".join([_pair(name, value) for name, value in labels if name not in apart])


def _column_lines(name: str, series: ColumnSeries, *, timestamps: bool) -> Iterator[str]:
    rows = series.points.row_numbers()
    parts = [_column_pairs(label, value, rows) for label, value in series.labels if label != NAME]
    texts = map("".join, zip(repeat("", len(rows)), *parts, strict=False))
    time = series.timestamp if timestamps else None
    for text, value in sorted(zip(texts, series.points.values, strict=True), key=itemgetter(0)):
        yield _line(name, text, value, time)


def _column_pairs(name: str, value: str | StringColumn, rows: Sequence[int]) -> Iterator[str]:
    """For each row what the label adds to its text."""
    if isinstance(value, str):
        return repeat(_pair(name, value))
    pairs = [_pair(name, text) if text else "" for text in value.values]
    return map(pairs.__getitem__, map(value.codes.__getitem__, rows))


def _pair(name: str, value: str) -> str:
    return f',{name}="{_escaped(value)}"'


def _line(name: str, text: str, value: float, time: int | None) -> str:
    labels = f"{{{text[1:]}}}" if text else ""
    end = "" if time is None else f" {time}"
    return f"{name}{labels} {format_float(value)}{end}\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
