"""A page as far as it has been read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from itertools import islice

from otel_kubecost.receivers.prometheus.exposition import Block, ExpositionError, Format
from otel_kubecost.receivers.prometheus.page.block import BlockRead, BlockReader, Rules
from otel_kubecost.receivers.prometheus.page.labelling import SeriesError
from otel_kubecost.receivers.prometheus.page.limits import LimitError
from otel_kubecost.receivers.prometheus.page.metadata import Description, Families, description
from otel_kubecost.receivers.prometheus.page.remembering import (
    NOTHING,
    Identity,
    Memory,
    Remembered,
)
from otel_kubecost.receivers.prometheus.page.sampling import BlockSamples
from otel_kubecost.receivers.prometheus.page.tables import Interned

_FEW = 1000
"""Lines, as in scrape.go."""


class Reading:
    """One page that was scraped at ``now`` (milliseconds), and what it leaves behind."""

    def __init__(
        self, rules: Rules, interned: Interned, memory: Memory, page_format: Format, now: int
    ) -> None:
        self._format = page_format
        self._memory = memory
        self._now = now
        self._reader = BlockReader(rules, interned, page_format, now=now, before=memory.time)
        self._most = rules.limits.samples
        self._comments = b""
        self._above: Counter[bytes] = Counter()
        self._fresh: set[int] = set()
        self._blocks: dict[Identity, Remembered] = {}
        self._descriptions: dict[bytes, Description] = {}
        self.blocks: list[BlockSamples] = []
        self.families = Families()
        self.scraped = 0
        self.kept = 0
        self.duplicates = 0
        self.out_of_order = 0
        self.out_of_bounds = 0

    def add(self, block: Block) -> None:
        """Read the next block. Raises ExpositionError; what stands before the fault is counted."""
        identity = self._identity(block)
        if block.comments:
            self.families.add(self._description(identity[0], block.comments))
        known = self._memory.blocks.get(identity, NOTHING)
        lines = [line for line in block.lines if line] if b"" in block.lines else block.lines
        try:
            self._add(identity, self._reader.read(lines, known))
        except ExpositionError as error:
            readable = lines[: self._reader.readable(lines)]
            self._add(identity, self._reader.read(readable, known))
            if known is not NOTHING:
                self._blocks[identity] = known
            self.scraped += isinstance(error, SeriesError | LimitError)
            raise

    def added(self) -> int:
        """How many keys there are that the last page had nowhere."""
        if not self._fresh:
            return 0
        fresh = self._fresh - self._memory.seen
        for one in self._memory.blocks.values():
            fresh.difference_update(one.layout.hashes)
        return len(fresh)

    def succeeded(self) -> Memory:
        """What the next scrape has to know, if this one succeeds."""
        return Memory(self._blocks, self._descriptions, self._now, _count(self._blocks))

    def failed(self) -> Memory:
        """The same, if it fails: as in Prometheus, the keys of both pages are known then.

        What this page had not is forgotten where that is too much: a target whose pages fail, and
        differ each time, would fill the memory.
        """
        before = self._memory
        here = {
            identity: before.blocks.get(identity, NOTHING).with_layout(one.layout, before.time)
            for identity, one in self._blocks.items()
        }
        both = {**before.blocks, **here}
        seen = {*before.seen, *self._fresh}
        for identity in here.keys() & before.blocks.keys():
            seen.update(before.blocks[identity].layout.hashes)
        for one in both.values():
            seen.difference_update(one.layout.hashes)
        if _count(both) + len(seen) > 2 * before.size + _FEW:
            return before._replace(blocks=here, seen=frozenset())
        return before._replace(blocks=both, seen=seen)

    @property
    def has_changed(self) -> bool:
        """Whether some layout is not the one of the last scrape."""
        before = self._memory.blocks
        return len(before) != len(self._blocks) or any(
            before.get(identity, NOTHING).layout is not one.layout
            for identity, one in self._blocks.items()
        )

    def _identity(self, block: Block) -> Identity:
        if block.comments:
            self._comments = b"\n".join(block.comments)
        number = self._above[self._comments]
        self._above[self._comments] += 1
        return self._comments, number

    def _description(self, text: bytes, comments: list[bytes]) -> Description:
        """What ``comments`` say, which ``text`` joins."""
        known = self._memory.descriptions.get(text)
        if known is None:
            known = description(map(self._format.comment, comments))
        self._descriptions[text] = known
        return known

    def _add(self, identity: Identity, read: BlockRead) -> None:
        if read.comments:
            self.families.add(description(read.comments))
        self._fresh |= self._new(read)
        self._blocks[identity] = read.remembered
        self.blocks.append(read.samples)
        self.scraped += len(read.samples.layout.hashes)
        self.kept += read.samples.layout.kept
        if read.verdict:
            self.duplicates += read.verdict.duplicates
            self.out_of_order += read.verdict.out_of_order
            self.out_of_bounds += read.verdict.out_of_bounds

    def _new(self, read: BlockRead) -> AbstractSet[int]:
        """Keys that count as added: none of those for which ``sample_limit`` leaves no room."""
        if not self._most:
            return read.fresh
        layout = read.samples.layout
        kept = (key for key, series in zip(layout.hashes, layout.series, strict=True) if series)
        return read.fresh & set(islice(kept, max(self._most - self.kept, 0)))


def _count(blocks: Mapping[Identity, Remembered]) -> int:
    """How many lines they have."""
    return sum(len(one.layout.hashes) for one in blocks.values())
