"""Values of a block put beside the tables of its layout: the points of its metrics."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import repeat
from operator import mul
from typing import NamedTuple, TypeVar

from opentelemetry.sdk.metrics import Exemplar

from otel_kubecost.pdata import PointColumns, PointDetails
from otel_kubecost.receivers.prometheus.page.layout import Group, Layout

T = TypeVar("T", int, float)


class Samples(NamedTuple):
    """What a block's lines have to say, one of each for every line."""

    values: array[float]
    times: array[int] | None
    """Milliseconds since the epoch; None if no line says its time."""
    sent: bytes | None
    """1 for each line whose sample goes on, 0 for each other; None if all do."""
    exemplars: Mapping[int, Exemplar]
    """By the place of their line."""


class Sampled(NamedTuple):
    """The points of one group."""

    group: Group
    columns: PointColumns


class BlockSamples(NamedTuple):
    layout: Layout
    values: array[float]
    sampled: Sequence[Sampled]


def sampled(layout: Layout, samples: Samples, now: int) -> BlockSamples:
    """The points of all groups that have any, of a scrape at ``now`` (milliseconds)."""
    found = [(group, _columns(group, samples, now)) for group in layout.groups]
    points = [Sampled(group, columns) for group, columns in found if columns is not None]
    return BlockSamples(layout, samples.values, points)


def _columns(group: Group, samples: Samples, now: int) -> PointColumns | None:
    rows, places = _sent(group.lines, samples.sent)
    if not places:
        return None
    times = _at(samples.times, places) if group.key.is_timed and samples.times else None
    return PointColumns(
        group.labels.table,
        _at(samples.values, places),
        rows=rows,
        constant=group.labels.constant,
        time_unix_nano=now * 1_000_000,
        details=_details(times, _exemplars(samples.exemplars, places)),
    )


def _sent(lines: Sequence[int], sent: bytes | None) -> tuple[array[int] | None, Sequence[int]]:
    """The rows that have a sample, None for all of them, and the places of their lines."""
    if sent is None:
        return None, lines
    rows = array("I", [row for row, line in enumerate(lines) if sent[line]])
    if len(rows) == len(lines):
        return None, lines
    return rows, [lines[row] for row in rows]


def _at(column: array[T], places: Sequence[int]) -> array[T]:
    if isinstance(places, range):
        is_whole = len(places) == len(column)
        return column if is_whole else column[places.start : places.stop]
    return array(column.typecode, map(column.__getitem__, places))


def _exemplars(
    found: Mapping[int, Exemplar], places: Sequence[int]
) -> Mapping[int, Sequence[Exemplar]] | None:
    """By the place of their point."""
    if not found:
        return None
    return {at: [found[place]] for at, place in enumerate(places) if place in found} or None


def _details(
    times: array[int] | None, exemplars: Mapping[int, Sequence[Exemplar]] | None
) -> PointDetails | None:
    if times is None and exemplars is None:
        return None
    in_nanoseconds = times and array("q", map(mul, times, repeat(1_000_000)))
    return PointDetails(in_nanoseconds, None, exemplars)
