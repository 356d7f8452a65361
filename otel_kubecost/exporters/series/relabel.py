"""Relabelling before sending: which series go out, and under which labels.

What rules are and do to one label set is in the room ``relabel``. Here they meet
families: series move to the family of their new name, columns stay columns as long as rules look
at labels that are the same in every row or only choose rows, and series that have become one are
sent as one (``merge``). Prometheus sends such twins both, and receivers refuse them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import compress
from operator import itemgetter
from typing import TypeAlias

from otel_kubecost.exporters.series.labels import NAME
from otel_kubecost.exporters.series.merge import by_name, each_series_once
from otel_kubecost.exporters.series.model import (
    SUFFIXES,
    ColumnSeries,
    Family,
    ScopeFamilies,
    Series,
    Type,
    in_chunks,
)
from otel_kubecost.relabel.labels import apply_rule
from otel_kubecost.relabel.rule import RelabelRule
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_Rules: TypeAlias = tuple[RelabelRule, ...]

_VERDICTS = 4096
"""That are remembered: more than there are namespaces, fewer than pods."""

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def relabel_scopes(
    scopes: Iterable[ScopeFamilies], rules: Sequence[RelabelRule]
) -> list[ScopeFamilies]:
    """``scopes`` with what ``rules`` make of their series, over all of them each series once.

    Each scope stays, if empty. A series without a valid name is left out. What is left out for
    that, or because its series and time are those of another sample, is said once for ``rules``.
    """
    rules = tuple(rules)
    relabelled = [
        scope._replace(families=list(_relabelled(scope.families, rules))) for scope in scopes
    ]
    if all(rule.selects for rule in rules):
        return [
            scope._replace(families=by_name(scope.families, by_tracking=True))
            for scope in relabelled
        ]
    merged = each_series_once(_one_type_a_name(relabelled))
    if _samples(merged) < _samples(relabelled):
        _warn_once(rules, *_TWINS)
    return merged


_TWINS = (
    "write_relabel_configs make several series one; of each time the first sample is sent",
    "keep a label that tells them apart",
)
_NAMELESS = (
    "write_relabel_configs leave series without a valid __name__; those are not sent",
    "drop them with the action drop, or let their __name__ be",
)


@cache
def _warn_once(rules: _Rules, event: str, hint: str) -> None:  # noqa: ARG001  once for each rules
    _log.warning(event, hint=hint)


def _samples(scopes: Iterable[ScopeFamilies]) -> int:
    return sum(
        len(family.series)
        if family.chunks
        else sum(len(series.samples) for series in family.series)
        for scope in scopes
        for family in scope.families
    )


def _one_type_a_name(scopes: Iterable[ScopeFamilies]) -> Iterator[ScopeFamilies]:
    """Families that came to one name have the type of the first.

    Prometheus sends types apart from series and would send all of these, as is done with what was
    scraped. A histogram or a summary is more than its type, and has its name to itself.
    """
    types: dict[str, Type] = {}
    for scope in scopes:
        families = [
            family
            if family.type in SUFFIXES or family.described_as
            else replace(family, type=types.setdefault(family.name, family.type))
            for family in scope.families
        ]
        yield scope._replace(families=families)


def _relabelled(families: Iterable[Family], rules: _Rules) -> Iterator[Family]:
    for family in in_chunks(families):
        named, left = _by_columns(family, rules)
        parts = [named] if not left else _row_by_row(named, left)
        for part in parts:
            if part.series and _METRIC_NAME.fullmatch(part.name):
                yield part
            elif part.series:
                _warn_once(rules, *_NAMELESS)


# Columns: what holds for one row holds for all, or rows are chosen.


def _by_columns(family: Family, rules: _Rules) -> tuple[Family, _Rules]:
    """``family`` after the first of ``rules``, as many as leave columns columns, and the others."""
    for done, rule in enumerate(rules):
        columns = _columns(family.series, rule) if isinstance(family.series, ColumnSeries) else None
        if columns is None:
            return family, rules[done:]
        if columns is not family.series:
            family = replace(family, name=str(dict(columns.labels).get(NAME, "")), series=columns)
    return family, ()


def _columns(series: ColumnSeries, rule: RelabelRule) -> ColumnSeries | None:
    """``series`` after ``rule``; None where it changes a label that is not the same in each row."""
    if not any(rule.touches(name) for name, value in series.labels if not isinstance(value, str)):
        return _all_rows(series, rule)
    return _chosen_rows(series, rule) if rule.selects else None


def _all_rows(series: ColumnSeries, rule: RelabelRule) -> ColumnSeries:
    constant = dict(series.constants)
    changed = dict(constant)
    if not apply_rule(rule, changed):
        return series.select(())
    if changed == constant:
        return series
    columns = {name: value for name, value in series.labels if not isinstance(value, str)}
    return series.labelled(sorted((changed | columns).items(), key=itemgetter(0)))


def _chosen_rows(series: ColumnSeries, rule: RelabelRule) -> ColumnSeries:
    """Each distinct combination of the values that ``rule`` looks at is looked at once."""
    names = [name for name, _ in series.labels if rule.touches(name)]
    verdicts = _Verdicts(rule, names)
    chosen = map(verdicts.__getitem__, series.values_of(names))
    return series.select(compress(range(len(series)), chosen))


class _Verdicts(dict[tuple[str, ...], bool]):
    """Whether series stay, by their values of the labels that a rule looks at; a few thousand."""

    def __init__(self, rule: RelabelRule, names: Sequence[str]) -> None:
        super().__init__()
        self._rule = rule
        self._names = names

    def __missing__(self, values: tuple[str, ...]) -> bool:
        if len(self) >= _VERDICTS:
            self.clear()
        labels = dict(zip(self._names, values, strict=True))
        verdict = self[values] = apply_rule(self._rule, labels)
        return verdict


# Rows: any rule, series by series.


def _row_by_row(family: Family, rules: _Rules) -> Iterator[Family]:
    homes: dict[tuple[str, Type], list[Series]] = {}
    for series in family.series:
        labels = dict(series.labels)
        before = labels.get(NAME, "")
        if all(apply_rule(rule, labels) for rule in rules):
            home = _home(family, before, labels.get(NAME, ""))
            changed = series._replace(labels=tuple(sorted(labels.items())))
            homes.setdefault(home, []).append(changed)
    for (name, kind), members in homes.items():
        yield replace(family, name=name, type=kind, series=members)


def _home(family: Family, before: str, after: str) -> tuple[str, Type]:
    """Name and type of the family that a series of ``family`` belongs to under its new name.

    A histogram that is renamed as a whole stays one: its series keep their suffixes.
    """
    if family.described_as or family.type not in SUFFIXES:
        return after, family.type
    suffix = before.removeprefix(family.name)
    name = after.removesuffix(suffix)
    return (name, family.type) if name and after.endswith(suffix) else (after, Type.UNKNOWN)
