"""What a reader keeps of a target from one scrape to the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple, TypeAlias

from otel_kubecost.pdata import AttributeTable
from otel_kubecost.receivers.prometheus.page.layout import NO_LINES, Layout
from otel_kubecost.receivers.prometheus.page.metadata import Description
from otel_kubecost.receivers.prometheus.page.progress import NEVER, Progress

Identity: TypeAlias = tuple[bytes, int]
"""Of a block: its comments, or those above if it has none, and how many blocks above have them."""


class Remembered(NamedTuple):
    """Of one block."""

    layout: Layout
    progress: Progress | None = None
    """None if all samples were of the scrape's own time."""
    exemplars: Mapping[int, int] = {}
    """The hash of the last one's text by the hash of its line's key."""

    def with_layout(self, layout: Layout, time: int) -> Remembered:
        """The same samples for other lines; ``time`` is what the last scrape was at."""
        if layout is self.layout:
            return self
        last = self.progress or Progress.at(time, len(self.layout.hashes))
        return self._replace(
            layout=layout, progress=last.carried(self.layout.series, layout.series)
        )


NOTHING = Remembered(NO_LINES)


class Memory(NamedTuple):
    """Of all blocks of a page."""

    blocks: Mapping[Identity, Remembered] = {}
    descriptions: Mapping[bytes, Description] = {}
    """By the comments of a block."""
    time: int = NEVER
    """When the last scrape was that succeeded, in milliseconds."""
    size: int = 0
    """How many lines its page had."""
    seen: AbstractSet[int] = frozenset()
    """Hashes of keys in no block that pages have had since, which failed."""

    def tables(self) -> Iterator[AttributeTable]:
        """All that some layout has."""
        for one in self.blocks.values():
            for group in one.layout.groups:
                yield group.labels.table
