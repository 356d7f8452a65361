"""One block of a page, with what is known of it from the last scrape.

lines ─▶ cut ─▶ the keys of the last scrape? ─ yes ─▶ its layout ─▶ judged ─▶ points
                                            └─ no ──▶ rebuilt ────────┘
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.exposition import Comment, ExpositionError, Format
from otel_kubecost.receivers.prometheus.page.cutting import Cutter, Lines
from otel_kubecost.receivers.prometheus.page.exemplars import Exemplars, new_exemplars
from otel_kubecost.receivers.prometheus.page.labelling import Labelling
from otel_kubecost.receivers.prometheus.page.layout import Layout
from otel_kubecost.receivers.prometheus.page.limits import Limits
from otel_kubecost.receivers.prometheus.page.progress import Progress, Verdict, judged
from otel_kubecost.receivers.prometheus.page.rebuilding import rebuilt
from otel_kubecost.receivers.prometheus.page.remembering import Remembered
from otel_kubecost.receivers.prometheus.page.sampling import BlockSamples, Samples, sampled
from otel_kubecost.receivers.prometheus.page.tables import Interned


class Rules(NamedTuple):
    """What is the same for all pages of one target."""

    labelling: Labelling
    limits: Limits
    honor_timestamps: bool


class BlockRead(NamedTuple):
    samples: BlockSamples
    comments: Sequence[Comment]
    """Of lines that are comments behind blanks."""
    verdict: Verdict | None
    """None if there was nothing to judge."""
    fresh: AbstractSet[int]
    """Hashes of the keys that the block had not, without those that relabelling drops."""
    remembered: Remembered
    """For the next scrape, if this one succeeds."""


class BlockReader:
    """Reads the blocks of one page."""

    def __init__(
        self, rules: Rules, interned: Interned, page_format: Format, *, now: int, before: int
    ) -> None:
        """``now`` is the time of the scrape, ``before`` that of the last one (milliseconds)."""
        self._rules = rules
        self._interned = interned
        self._format = page_format
        self._now = now
        self._before = before
        self._cutter = Cutter(page_format, now)

    def read(self, written: list[bytes], old: Remembered) -> BlockRead:
        """The samples of lines as they are ``written``. Raises ExpositionError."""
        lines = self._cut(written, old.layout)
        layout, origins = self._laid_out(lines, old.layout)
        last = self._last(lines, layout, origins, old)
        verdict = self._verdict(lines, layout, last)
        exemplars = self._exemplars(lines, old)
        sent = verdict and verdict.sent
        samples = Samples(lines.values, lines.times, sent, exemplars.new)
        progress = verdict and verdict.progress
        is_of_now = not lines.timed and not layout.repeats and sent is None
        return BlockRead(
            sampled(layout, samples, self._now),
            lines.comments,
            verdict,
            _fresh(layout, origins),
            Remembered(layout, None if is_of_now else progress, exemplars.texts),
        )

    def readable(self, written: list[bytes]) -> int:
        """How many of the first lines raise nothing; for a block of which some line does."""
        for place, line in enumerate(written):
            try:
                self._check(line)
            except ExpositionError:
                return place
        return len(written)

    def _check(self, line: bytes) -> None:
        lines = self._cutter.with_care([line])
        for key in lines.keys:
            self._label(key)
        for exemplar in lines.exemplars.values():
            self._format.exemplar(exemplar)

    def _cut(self, written: list[bytes], old: Layout) -> Lines:
        lines = self._cutter.cut(written, old.hashes)
        if self._rules.honor_timestamps:
            return lines
        return lines._replace(times=None, timed=b"")

    def _laid_out(self, lines: Lines, old: Layout) -> tuple[Layout, array[int] | None]:
        """The layout, and where lines were in the ``old`` one; None if that is still it."""
        if lines.hashes == old.hashes and lines.timed == old.timed:
            return old, None
        return rebuilt(old, lines, self._label, self._rules.labelling.own, self._interned)

    def _label(self, key: bytes) -> dict[str, str] | None:
        labels = self._rules.labelling.of(*self._format.series(key))
        if labels is not None:
            self._rules.limits.check(labels)
        return labels

    def _last(
        self, lines: Lines, layout: Layout, origins: array[int] | None, old: Remembered
    ) -> Progress | None:
        """The last sample of each line's series; None if nobody has to know."""
        if origins is None:
            return old.progress
        if not (old.progress or lines.timed or layout.repeats):
            return None
        return old.with_layout(layout, self._before).progress

    def _verdict(self, lines: Lines, layout: Layout, last: Progress | None) -> Verdict | None:
        if last is None:
            return None
        times = lines.times or array("q", [self._now]) * len(lines.hashes)
        return judged(Progress(times, lines.values), last, self._now, layout)

    def _exemplars(self, lines: Lines, old: Remembered) -> Exemplars:
        times = lines.times or self._now
        return new_exemplars(lines.exemplars, lines.hashes, old.exemplars, self._format, times)


def _fresh(layout: Layout, origins: array[int] | None) -> AbstractSet[int]:
    if origins is None:
        return frozenset()
    lines = zip(layout.hashes, origins, layout.series, strict=True)
    return {key for key, origin, series in lines if origin < 0 and series}
