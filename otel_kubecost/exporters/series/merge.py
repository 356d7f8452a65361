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
    ColumnChunks,
    Family,
    Labels,
    Sample,
    ScopeFamilies,
    Series,
    in_chunks,
    varying,
)
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_Brought: TypeAlias = tuple[tuple[str, ...], Family]
"""A family and the origin that brought it."""


def each_series_once(scopes: Iterable[ScopeFamilies]) -> list[ScopeFamilies]:
    """``scopes`` with each origin once and, over all of them, each series and each time once.

    Their order says which of them has a series that several bring, and which sample of a time.
    Columns stay columns unless another family of the same name has one of their series, and a
    name that a scope has of what is tracked and of what is not stays two families.
    """
    everything = list(scopes)
    brought = [
        (scope.origin, family) for scope in everything for family in in_chunks(scope.families)
    ]
    owned: dict[tuple[str, ...], list[Family]] = {scope.origin: [] for scope in everything}
    for origin, family in _distinct(_row_by_row_where_shared(list(_agreeing(brought)))):
        owned[origin].append(family)
    times: dict[tuple[str, ...], int] = defaultdict(int)
    for scope in everything:
        times[scope.origin] = max(times[scope.origin], scope.time)
    targets = {scope.origin for scope in everything if scope.is_target}
    return [
        ScopeFamilies(origin, by_name(families, by_tracking=True), times[origin], origin in targets)
        for origin, families in owned.items()
    ]


def flatten(scopes: Iterable[ScopeFamilies]) -> list[Family]:
    """The families of scopes that name each series once, those of one name merged into one."""
    return by_name(chain.from_iterable(scope.families for scope in scopes))


def by_name(families: Iterable[Family], *, by_tracking: bool = False) -> list[Family]:
    """``families``, which have no series in common, with those of one name merged into one."""
    named: dict[tuple[str, bool], list[Family]] = defaultdict(list)
    for family in families:
        named[family.name, by_tracking and family.is_tracked].append(family)
    return [group[0] if len(group) == 1 else _joined(group) for group in named.values()]


def _agreeing(brought: Iterable[_Brought]) -> Iterator[_Brought]:
    """Without families whose series names belong to an earlier one of another name or type.

    Targets need not agree with each other on what they call a name: Prometheus takes both.
    """
    owners: dict[str, Family] = {}
    skipped: set[str] = set()
    for origin, family in brought:
        names = family.series_names
        taken = [name for name in names if _disagree(owners.get(name, family), family)]
        if taken:
            if family.name not in skipped:
                skipped.add(family.name)
                _say_skipped(family.name, taken[0], owners[taken[0]])
            continue
        for name in names:
            owners.setdefault(name, family)
        yield origin, family


def _say_skipped(metric: str, name: str, owner: Family) -> None:
    _log.warning(
        f"Skipped metric {metric}: {name} belongs to the {owner.type} {owner.heading}",
        metric=metric,
        hint="rename one of the two metrics",
    )


def _disagree(owner: Family, other: Family) -> bool:
    if owner.described_as and other.described_as:
        return False
    is_scraped = bool(owner.described_as or other.described_as)
    return owner.heading != other.heading or (owner.type is not other.type and not is_scraped)


def _row_by_row_where_shared(brought: Sequence[_Brought]) -> list[_Brought]:
    """Columns are built where families of one name have a series in common."""
    named: dict[str, list[Family]] = defaultdict(list)
    for _, family in brought:
        for name in family.series_names if family.series else ():
            named[name].append(family)
    shared = {
        id(family)
        for families in named.values()
        for some in _not_apart(families)
        if not _are_all_different(some)
        for family in some
    }
    return [
        (origin, replace(family, series=[*family.series]) if id(family) in shared else family)
        for origin, family in brought
    ]


def _not_apart(families: Sequence[Family]) -> Iterator[Sequence[Family]]:
    """Those of ``families``, which all may have one name, that may have series in common.

    Labels that every series of all of them has may tell them apart: the targets of a job, say.
    """
    if len(families) == 1:
        return
    constants = [family.constants for family in families]
    names = set(constants[0]).intersection(*constants[1:])
    alike: dict[tuple[str, ...], list[Family]] = defaultdict(list)
    for family, labels in zip(families, constants, strict=True):
        alike[tuple([labels[name] for name in names])].append(family)
    for some in alike.values():
        if len(some) > 1:
            yield some


def _are_all_different(families: Sequence[Family]) -> bool:
    """Whether all series of ``families`` are columns with labels that no other has.

    Hashes are compared: two that are equal by chance make rows of columns, and nothing worse.
    """
    chunks = [chunk for family in families for chunk in family.chunks]
    if not all(family.chunks for family in families):
        return False
    names = varying(chunks)
    found: set[int] = set()
    for chunk in chunks:
        found.update(map(hash, chunk.values_of(names)))
    return len(found) == sum(map(len, chunks))


def _distinct(brought: Sequence[_Brought]) -> Iterator[_Brought]:
    """Each label set in the first family that has it, with the samples of all that have it."""
    groups: dict[Labels, list[Series]] = defaultdict(list)
    count = 0
    for _, family in brought:
        if not family.chunks:
            count += len(family.series)
            for series in family.series:
                groups[series.labels].append(series)
    if count > len(groups):
        _log.debug(f"Merged {count - len(groups)} series that came more than once in a batch")
    for origin, family in brought:
        if not family.chunks:
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


def _joined(group: Sequence[Family]) -> Family:
    if all(family.chunks for family in group):
        return replace(group[0], series=ColumnChunks(chain(*[one.chunks for one in group])))
    series = list(chain.from_iterable(family.series for family in group))
    return replace(group[0], series=series)
