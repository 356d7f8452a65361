"""Pages of one target, read one after the other."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from otel_kubecost.pdata import ScrapedMetric
from otel_kubecost.receivers.prometheus.exposition import ExpositionError, Format, blocks
from otel_kubecost.receivers.prometheus.page.across import AcrossBlocks
from otel_kubecost.receivers.prometheus.page.assembling import Assembler
from otel_kubecost.receivers.prometheus.page.block import Rules
from otel_kubecost.receivers.prometheus.page.labelling import Labelling
from otel_kubecost.receivers.prometheus.page.limits import Limits
from otel_kubecost.receivers.prometheus.page.reading import Reading
from otel_kubecost.receivers.prometheus.page.remembering import Memory
from otel_kubecost.receivers.prometheus.page.tables import Interned
from otel_kubecost.receivers.prometheus.page.whole import whole


class Page(NamedTuple):
    """What a scrape has found. The counts are of samples, but for ``added``."""

    metrics: list[ScrapedMetric]
    scraped: int = 0
    kept: int = 0
    """After ``metric_relabel_configs``."""
    added: int = 0
    """Series that the page before had not."""
    duplicates: int = 0
    """Left out: of a series and a time that is there already, with another value."""
    out_of_order: int = 0
    """Left out: older than the last one of their series."""
    out_of_bounds: int = 0
    """Left out: more than ten minutes ahead, or before 1970."""


class PageReader:
    """Reads the pages of one target, and remembers what the next one will mostly be again.

    Not for several threads at a time.
    """

    def __init__(
        self, labelling: Labelling, limits: Limits, *, honor_timestamps: bool = True
    ) -> None:
        self._rules = Rules(labelling, limits, honor_timestamps)
        self._format: Format | None = None
        self._memory = Memory()
        self._interned = Interned()
        self._across = AcrossBlocks()
        self._assembler = Assembler()
        self._last = Page([])

    @property
    def last(self) -> Page:
        """The counts of the last page, up to the fault if it had one. Without the metrics."""
        return self._last

    def read(self, chunks: Iterable[bytes], page_format: Format, time_ms: int) -> Page:
        """The page that comes in ``chunks``, scraped at ``time_ms`` since the epoch.

        Raises ExpositionError where Prometheus fails the scrape (LimitError for a limit of the
        job), and whatever ``chunks`` raise.
        """
        self._last = Page([])
        self._begin(page_format)
        reading = Reading(self._rules, self._interned, self._memory, page_format, time_ms)
        try:
            for block in page_format.check_end(whole(blocks(chunks))):
                reading.add(block)
            self._rules.limits.check_samples(reading.kept)
        except ExpositionError:
            self._fail(reading)
            raise
        except Exception:
            self._interned.keep(self._memory.tables())
            raise
        return self._succeed(reading)

    def _begin(self, page_format: Format) -> None:
        """Keys mean something in their own format alone."""
        if page_format is not self._format:
            self._memory = self._memory._replace(blocks={}, descriptions={})
            self._format = page_format

    def _fail(self, reading: Reading) -> None:
        self._last = _counted(reading)
        self._memory = reading.failed()
        self._interned.keep(self._memory.tables())

    def _succeed(self, reading: Reading) -> Page:
        distinct = self._across.distinct(reading.blocks)
        metrics = self._assembler.metrics(distinct.blocks, reading.families)
        self._last = _counted(reading, distinct.duplicates)
        if reading.blocks:  # as in Prometheus, an empty page is no reason to forget the last one
            self._memory = reading.succeeded()
        if reading.has_changed:
            self._interned.keep(self._memory.tables())
        return self._last._replace(metrics=metrics)


def _counted(reading: Reading, duplicates: int = 0) -> Page:
    return Page(
        [],
        reading.scraped,
        reading.kept,
        reading.added(),
        reading.duplicates + duplicates,
        reading.out_of_order,
        reading.out_of_bounds,
    )
