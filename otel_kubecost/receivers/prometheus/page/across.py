"""Series that stand in two blocks of a page: the first one is kept, as within a block.

It is looked for only where two blocks have series of one name, and only when one of these blocks
has changed: long families come in several blocks, and those of one page rarely repeat a series.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import is_
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.page.layout import Group, Layout
from otel_kubecost.receivers.prometheus.page.sampling import BlockSamples, Sampled


class Distinct(NamedTuple):
    blocks: Sequence[BlockSamples]
    duplicates: int = 0
    """Samples that were left out although their values differ from the first one's."""


class AcrossBlocks:
    """Keeps the series of one target's pages apart."""

    def __init__(self) -> None:
        self._known_distinct: list[Layout] = []

    def distinct(self, blocks: Sequence[BlockSamples]) -> Distinct:
        """``blocks`` without the samples of series that one above has at the same time."""
        names = _shared_names(blocks)
        shared = [
            block.layout
            for block in blocks
            if any(group.key.name in names for group in block.layout.groups)
        ]
        if self._are_known(shared):
            return Distinct(blocks)
        self._known_distinct = shared if _are_distinct(shared, names) else []
        return Distinct(blocks) if self._known_distinct else _without_repeats(blocks, names)

    def _are_known(self, layouts: list[Layout]) -> bool:
        known = self._known_distinct
        return len(layouts) == len(known) and all(map(is_, layouts, known))


def _shared_names(blocks: Sequence[BlockSamples]) -> set[str]:
    counts = Counter(
        name for block in blocks for name in {group.key.name for group in block.layout.groups}
    )
    return {name for name, count in counts.items() if count > 1}


def _are_distinct(layouts: Sequence[Layout], names: set[str]) -> bool:
    """Lines that repeat one of their own block are left to that block."""
    by_name: dict[str, list[tuple[Layout, Group]]] = {name: [] for name in names}
    for layout in layouts:
        for group in layout.groups:
            if group.key.name in names and not group.key.repeat:
                by_name[group.key.name].append((layout, group))
    return all(map(_are_all_different, by_name.values()))


def _are_all_different(groups: Sequence[tuple[Layout, Group]]) -> bool:
    series = (layout.series[line] for layout, group in groups for line in group.lines)
    return len(set(series)) == sum(len(group.lines) for _, group in groups)


def _without_repeats(blocks: Sequence[BlockSamples], names: set[str]) -> Distinct:
    first: dict[tuple[int, int], float] = {}
    found: list[BlockSamples] = []
    duplicates = 0
    for block in blocks:
        left = []
        for one in block.sampled:
            if one.group.key.name in names:
                places, differing = _first_ones(block.layout, one, first)
                duplicates += differing
                left.append(one._replace(columns=one.columns.select(places)))
            else:
                left.append(one)
        found.append(block._replace(sampled=[one for one in left if len(one.columns)]))
    return Distinct(found, duplicates)


def _first_ones(
    layout: Layout, one: Sampled, first: dict[tuple[int, int], float]
) -> tuple[list[int], int]:
    """The places of points that ``first`` has not, and how many others have another value.

    ``first`` is added to: the values by series and time.
    """
    columns, lines = one.columns, one.group.lines
    times = columns.details and columns.details.times
    places, differing = [], 0
    for place, row in enumerate(columns.row_numbers()):
        time = times[place] if times else columns.time_unix_nano
        value = columns.values[place]
        key = layout.series[lines[row]], time
        if key not in first:
            first[key] = value
            places.append(place)
        elif value != first[key]:
            differing += 1
    return places, differing
