"""Families of series to the text exposition format, version 0.0.4.

    # HELP kubecost_namespace_cost Cost per hour.
    # TYPE kubecost_namespace_cost gauge
    kubecost_namespace_cost{cluster="prod",namespace="shop"} 1.02

Families are sorted by name, series by their labels: the same data is the same page. Series that
came as columns are never built; the text of a label is made once for each distinct string.

What was scraped is described as it was: the families of a histogram's parts stand below one header,
the same names of many targets below theirs, and times that a target said itself are said again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain, groupby, repeat
from operator import attrgetter, itemgetter
from typing import TypeAlias

from otel_kubecost.exporters.series.floats import format_float
from otel_kubecost.exporters.series.labels import NAME
from otel_kubecost.exporters.series.model import SUFFIXES, ColumnSeries, Family, Labels, Type
from otel_kubecost.pdata import StringColumn

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_RESERVED_SUFFIXES = ("_count", "_sum", "_bucket")
_WORDS = {Type.INFO: Type.GAUGE, Type.STATESET: Type.GAUGE, Type.GAUGE_HISTOGRAM: Type.UNKNOWN}
"""What 0.0.4 has for the types that it does not know; Prometheus refuses a page with them."""
_APART = {Type.HISTOGRAM: "le", Type.SUMMARY: "quantile"}
"""Labels by which series are not sorted: 10 comes after 9."""

_Lines: TypeAlias = Iterator[tuple[str, str]]
"""Lines of series with what they are sorted by."""


def render(families: Iterable[Family], *, timestamps: bool = False) -> bytes:
    """The page with ``families``; of those of one name the first says type and help.

    With ``timestamps`` every sample has its own, in milliseconds; without them a series is its
    newest sample, but for series that are not tracked.
    """
    lines: list[str] = []
    for name, below in groupby(sorted(families, key=_order), key=header):
        members = list(below)
        lines += _head(name, members)
        for _, alike in groupby(members, key=attrgetter("name")):
            found = [pair for one in alike for pair in _body(one, timestamps=timestamps)]
            lines += map(itemgetter(1), sorted(found, key=itemgetter(0)))
    return "".join(lines).encode()


def header(family: Family) -> str:
    """The name below which a family stands: its own, but for parts of what was scraped.

    0.0.4 knows neither ``_created`` nor the families of OpenMetrics' counters.
    """
    return family.described_as if _is_part(family) else family.name


def _is_part(family: Family) -> bool:
    names = {family.described_as + suffix for suffix in SUFFIXES.get(family.type, ())}
    return bool(family.described_as) and family.name in names


def _order(family: Family) -> tuple[str, str]:
    return header(family), family.name


def _head(name: str, families: Sequence[Family]) -> Iterator[str]:
    first = next(filter(_is_part, families), families[0])
    if first.help:
        text = first.help.replace("\\", "\\\\").replace("\n", "\\n")
        yield f"# HELP {name} {text}\n"
    yield f"# TYPE {name} {_declared_type(first)}\n"


def _declared_type(family: Family) -> Type:
    """What has one of a histogram's names and is a gauge, say, has no type; so says promlint."""
    kind = _WORDS.get(family.type, family.type)
    is_stray = kind in SUFFIXES and bool(family.described_as) and not _is_part(family)
    is_reserved = kind is Type.GAUGE and family.name.endswith(_RESERVED_SUFFIXES)
    return Type.UNKNOWN if is_stray or is_reserved else kind


def _body(family: Family, *, timestamps: bool) -> _Lines:
    with_times = timestamps or not family.is_tracked
    if family.chunks:
        columns = [_column_lines(family, one, timestamps=with_times) for one in family.chunks]
        return chain.from_iterable(columns)
    return _lines(family, timestamps=with_times)


def _lines(family: Family, *, timestamps: bool) -> _Lines:
    apart = {NAME, _APART.get(family.type, NAME)}
    for labels, samples, *_ in family.series:
        name, text = dict(labels)[NAME], _label_text(labels, {NAME})
        order = _label_text(labels, apart)
        for time, value in samples if timestamps else samples[-1:]:
            yield order, _line(name, text, value, time if timestamps else None)


def _label_text(labels: Labels, apart: Collection[str]) -> str:
    return "".join([_pair(name, value) for name, value in labels if name not in apart])


def _column_lines(family: Family, series: ColumnSeries, *, timestamps: bool) -> _Lines:
    apart = _APART.get(family.type, NAME)
    labels = [label for label in series.labels if label[0] != NAME]
    others = [label for label in labels if label[0] != apart]
    rows = series.points.row_numbers()
    texts = _column_texts(labels, rows)
    order = texts if labels == others else _column_texts(others, rows)
    times = series.times() if timestamps else repeat(None, len(rows))
    for by, text, value, time in zip(order, texts, series.points.values, times, strict=True):
        yield by, _line(family.name, text, value, time)


def _column_texts(
    labels: Sequence[tuple[str, str | StringColumn]], rows: Sequence[int]
) -> list[str]:
    parts = [_column_pairs(label, value, rows) for label, value in labels]
    return [*map("".join, zip(repeat("", len(rows)), *parts, strict=False))]


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
