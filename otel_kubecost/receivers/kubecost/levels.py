"""Rows to objects: which cluster a row is of, and which object at each level. Pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple, TypeAlias

from otel_kubecost.receivers.kubecost.costs import ROUNDING, cost
from otel_kubecost.receivers.kubecost.coverage import Coverage
from otel_kubecost.receivers.kubecost.dimensions import Level, Query
from otel_kubecost.receivers.kubecost.groups import Groups, grouped
from otel_kubecost.receivers.kubecost.identity import UNALLOCATED, UNMOUNTED, is_named
from otel_kubecost.receivers.kubecost.table import Rows, RowTable
from otel_kubecost.receivers.kubecost.window import Window

Names: TypeAlias = tuple[str, ...]


class Objects(NamedTuple):
    """What a cluster has at one level."""

    level: Level
    names: tuple[Sequence[str], ...]
    """For each of the level's dimensions the name of each object; objects ascend by their names."""
    groups: Groups
    """The rows of each. Several where the answer has several sets, or is a finer one."""
    unallocated: Rows
    """Rows that lack the level: a pod without a controller, a namespace without the label."""

    @property
    def columns(self) -> tuple[Sequence[str], ...]:
        """``names``, of a label or annotation behind its own name: the values of attributes."""
        key = self.level.key
        return ([key] * len(self.groups), *self.names) if key else self.names

    def items(self) -> Iterator[tuple[Names, Rows]]:
        return zip(zip(*self.columns, strict=True), self.groups, strict=True)


class Lacking(NamedTuple):
    """What no object of a level has, in an answer that is finer than the cluster's own."""

    rows: Rows
    unmounted: Rows
    """Volumes that no pod mounts, as this answer tells them..."""
    known: Rows
    """...and as the cluster's answer does, whose metric of them is published. By node or label
    alone such volumes are ``__unallocated__``, by namespace alone some are the namespace's."""

    def total(self) -> float | None:
        """In currency; NaN where it is not known, None where there is nothing to tell."""
        if not self.rows and not self.unmounted:
            return None
        amounts = [cost(rows, "total") or 0.0 for rows in (self.rows, self.unmounted, self.known)]
        total = amounts[0] + amounts[1] - amounts[2]
        rounding = sum(map(len, self)) * ROUNDING if self.known else 0.0
        if abs(total) > rounding or math.isnan(total) or not self.known:
            return total
        return 0.0 if self.rows else None


@dataclass(slots=True)
class ClusterRows:
    """One cluster's part of an answer."""

    table: RowTable
    named: Sequence[int] = ()
    """Rows of objects."""
    kinds: dict[str, list[int]] = field(default_factory=dict)
    """Rows that are no object at any level: ``__idle__``, ``__unmounted__``..."""
    coverage: Coverage = field(default_factory=Coverage)

    def objects(self, query: Query, level: Level) -> Objects:
        """The objects of one of the levels that ``query``, whose answer this is, has asked for."""
        positions = [position + 1 for position in query.positions(level)]
        named, lacking = self._split(positions)
        groups = grouped(named, positions)
        firsts = groups.firsts()
        return Objects(level, tuple(map(firsts.names, positions)), groups, lacking)

    def _split(self, positions: Sequence[int]) -> tuple[Rows, Rows]:
        """Rows that have a name at all of ``positions``, and others."""
        columns = [self.table.names[position] for position in positions]
        lacking = {
            row
            for row in self.table.unnamed
            if not all(is_named(column[row]) for column in columns)
        }
        if not lacking:
            return Rows(self.table, self.named), Rows(self.table)
        named = array("I", [row for row in self.named if row not in lacking])
        others = array("I", [row for row in self.named if row in lacking])
        return Rows(self.table, named), Rows(self.table, others)

    @property
    def synthetic(self) -> dict[str, Rows]:
        return {kind: Rows(self.table, rows) for kind, rows in self.kinds.items()}

    def of_kind(self, kind: str) -> Rows:
        return Rows(self.table, self.kinds.get(kind, ()))

    def every(self, *, but: Collection[str] = ()) -> Rows:
        """Rows of every kind, save those of ``but``."""
        others = [rows for kind, rows in self.kinds.items() if kind not in but]
        rows = array("I", [*self.named, *chain.from_iterable(others)]) if others else self.named
        return Rows(self.table, rows)

    def select(self, rows: Collection[int]) -> ClusterRows:
        """Objects' rows that are in ``rows``, and no others."""
        return ClusterRows(self.table, [row for row in self.named if row in rows])


def by_cluster(table: RowTable, window: Window, now: float) -> dict[str, ClusterRows]:
    """An answer's rows by cluster.

    Rows that name no cluster (Kubecost 3 has one idle row, ``__idle__/__idle__``) belong to the
    only cluster that the answer has; among several they stand apart under the empty name.
    """
    owners = _owners(table.names[0])
    clusters = {owner: ClusterRows(table) for owner in owners.values()}
    for row, kind in sorted(table.kinds.items()):
        clusters[owners[table.names[0][row]]].kinds.setdefault(kind, []).append(row)
    for owner, named in _named(table, owners).items():
        clusters[owner].named = named
    if table.projection.spans:
        for group in clusters.values():
            _cover(group, window, now)
    return clusters


def _owners(names: Iterable[str]) -> dict[str, str]:
    """For each name of a cluster in an answer the cluster that it stands for."""
    owners = {name: name if is_named(name) else "" for name in dict.fromkeys(names)}
    known = {name for name in owners.values() if name}
    return dict.fromkeys(owners, *known) if len(known) == 1 else owners


def _named(table: RowTable, owners: Mapping[str, str]) -> dict[str, Sequence[int]]:
    """The rows of objects, by cluster."""
    if len(set(owners.values())) == 1:
        return dict.fromkeys(owners.values(), _without(len(table), table.kinds))
    rows = {owner: array("I") for owner in owners.values()}
    for row, name in enumerate(table.names[0]):
        if row not in table.kinds:
            rows[owners[name]].append(row)
    return dict(rows)


def _without(size: int, left_out: Collection[int]) -> Sequence[int]:
    """The numbers below ``size`` but those: a range where they stand at its ends, as idle does."""
    rows = range(size)
    while rows and rows[0] in left_out:
        rows = rows[1:]
    while rows and rows[-1] in left_out:
        rows = rows[:-1]
    if any(row in rows for row in left_out):
        return array("I", [row for row in rows if row not in left_out])
    return rows


def _cover(group: ClusterRows, window: Window, now: float) -> None:
    """Find out what time the group's rows span, set by set.

    A set with costs whose rows span no time spans their windows, or the window asked for. A volume
    that no pod mounts spans any window, also one older than the data: where no set has anything
    else, unmounted volumes say it.
    """
    coverage, times = group.coverage, group.table.times
    volumes = group.kinds.get(UNMOUNTED, [])
    rows = group.every(but={UNMOUNTED}).at
    spans = {of_row: of_row.span(now) for of_row in set(map(times.__getitem__, rows))}
    for of_row, span in spans.items():
        if span:
            coverage.widen(of_row.step, span)
    covered = set(coverage.spans)
    spanless = [row for row in rows if spans[times[row]] is None]
    totals = group.table.measures["total_cost"]
    silent = [row for row in spanless if totals[row] != 0 and times[row].step not in covered]
    for row in silent if covered or silent else volumes or spanless:
        of_row = times[row]
        span = of_row.span(now) or of_row.window(now) or (window.start, window.end)
        coverage.widen(of_row.step, span)


def display_names(clusters: Mapping[str, ClusterRows], configured: str) -> dict[str, str]:
    """One cluster goes by the configured name, several by the names that Kubecost has for them.

    Among several, what names none belongs to none of them.
    """
    if len(clusters) == 1:
        return dict.fromkeys(clusters, configured)
    return {cluster: cluster or UNALLOCATED for cluster in clusters}
