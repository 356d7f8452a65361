"""One batch, each series once: what scopes say about the same name is brought together.

A receiver refuses a request in which a series comes twice (Prometheus), or drops one of the two
without a word (Thanos). So the first scope that brings a series owns it, and samples that others
have for it go there, ascending in time. Of those of one time (in milliseconds) the one that came
first is sent, as Prometheus keeps the first of a scrape: nothing is added up, and two agents with
the same batch send the same. Where the others had another value, that is said once for their
metric.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain
from typing import TypeAlias

from otel_kubecost.exporters.series.labels import NAME
from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    Labels,
    Sample,
    ScopeFamilies,
    Series,
    Type,
)
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

HISTOGRAM_SUFFIXES = ("_bucket", "_sum", "_count")
"""What the names of a histogram's series have behind its own."""

_Brought: TypeAlias = tuple[tuple[str, ...], Family]
"""A family and the origin that brought it."""


def each_series_once(scopes: Iterable[ScopeFamilies]) -> list[ScopeFamilies]:
    """``scopes`` with each origin once and, over all of them, each series and each time once.

    Their order says which of them has a series that several bring, and which sample of a time.
    Columns stay columns unless a family of the same name might have one of their series.
    """
    everything = list(scopes)
    brought = [(scope.origin, family) for scope in everything for family in scope.families]
    owned: dict[tuple[str, ...], list[Family]] = {scope.origin: [] for scope in everything}
    for origin, family in _distinct(_row_by_row_where_shared(list(_agreeing(brought)))):
        owned[origin].append(family)
    times: dict[tuple[str, ...], int] = defaultdict(int)
    for scope in everything:
        times[scope.origin] = max(times[scope.origin], scope.time)
    return [
        ScopeFamilies(origin, _by_name(families), times[origin])
        for origin, families in owned.items()
    ]


def flatten(scopes: Iterable[ScopeFamilies]) -> list[Family]:
    """The families of scopes that name each series once, those of one name merged into one."""
    return _by_name(chain.from_iterable(scope.families for scope in scopes))


def _agreeing(brought: Iterable[_Brought]) -> Iterator[_Brought]:
    """Without families whose series names belong to an earlier one of another name or type."""
    owners: dict[str, tuple[str, Type]] = {}
    for origin, family in brought:
        claim = (family.name, family.type)
        taken = [name for name in _series_names(family) if owners.get(name, claim) != claim]
        if taken:
            name, kind = owners[taken[0]]
            _log.warning(
                f"Skipped metric {family.name}: {taken[0]} belongs to the {kind} {name}",
                metric=family.name,
                hint="rename one of the two metrics",
            )
            continue
        owners.update(dict.fromkeys(_series_names(family), claim))
        yield origin, family


def _series_names(family: Family) -> tuple[str, ...]:
    name = family.name
    if family.type is Type.HISTOGRAM:
        return name, *(name + suffix for suffix in HISTOGRAM_SUFFIXES)
    return (name,)


def _row_by_row_where_shared(brought: Sequence[_Brought]) -> list[_Brought]:
    """Columns are built where families of one name might have a series in common."""
    named: dict[str, list[Family]] = defaultdict(list)
    for _, family in brought:
        named[family.name].append(family)
    apart = {name: _are_apart(families) for name, families in named.items()}
    return [
        (origin, family if apart[family.name] else replace(family, series=[*family.series]))
        for origin, family in brought
    ]


def _are_apart(families: Sequence[Family]) -> bool:
    """Whether no series can be in two of ``families``, which all have one name.

    It is alone, or all are columns with the same labels and no two agree in all of those that do
    not change from row to row: the clusters of one scrape, say.
    """
    columns = [family.series for family in families if isinstance(family.series, ColumnSeries)]
    shapes = {series.shape for series in columns}
    layouts = {tuple((name, value is None) for name, value in shape) for shape in shapes}
    return len(families) == 1 or (len(shapes) == len(families) and len(layouts) == 1)


def _distinct(brought: Sequence[_Brought]) -> Iterator[_Brought]:
    """Each label set in the first family that has it, with the samples of all that have it."""
    groups: dict[Labels, list[Series]] = defaultdict(list)
    count = 0
    for _, family in brought:
        if not isinstance(family.series, ColumnSeries):
            count += len(family.series)
            for series in family.series:
                groups[series.labels].append(series)
    if count > len(groups):
        _log.debug(f"Merged {count - len(groups)} series that came more than once in a batch")
    for origin, family in brought:
        if not isinstance(family.series, ColumnSeries):
            family = replace(family, series=list(_first_of_each(family.series, groups)))  # noqa: PLW2901
        if family.series:
            yield origin, family


def _first_of_each(
    series: Iterable[Series], groups: dict[Labels, list[Series]]
) -> Iterator[Series]:
    for one in series:
        group = groups.pop(one.labels, None)
        if group is not None:
            yield group[0] if len(group) == 1 else _combined(group)


def _combined(group: Sequence[Series]) -> Series:
    """The samples of all, each time once, and all exemplars."""
    samples: dict[int, Sample] = {}
    for sample in chain.from_iterable(series.samples for series in group):
        first = samples.setdefault(sample.timestamp, sample)
        if not _same(first.value, sample.value):
            _warn_once(dict(group[0].labels).get(NAME, ""))
    exemplars = tuple(dict.fromkeys(chain.from_iterable(series.exemplars for series in group)))
    starts = {series.start for series in group}
    start = starts.pop() if len(starts) == 1 else 0
    ordered = tuple(samples[time] for time in sorted(samples))
    return Series(group[0].labels, ordered, exemplars, start)


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


@cache
def _warn_once(name: str) -> None:
    _log.warning(
        f"A series of {name} comes with several values for one time; the first is sent",
        metric=name,
        hint="give its points an attribute, or keep a label, that tells them apart",
    )


def _by_name(families: Iterable[Family]) -> list[Family]:
    named: dict[str, list[Family]] = defaultdict(list)
    for family in families:
        named[family.name].append(family)
    return [group[0] if len(group) == 1 else _joined(group) for group in named.values()]


def _joined(group: Sequence[Family]) -> Family:
    series = list(chain.from_iterable(family.series for family in group))
    return replace(group[0], series=series)
