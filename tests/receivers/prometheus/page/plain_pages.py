"""Pages read line by line with nothing remembered of their layout: slow, and easy to check.

What Prometheus' scrape loop and storage do, with samples kept where ours are.
"""

import math
from itertools import chain

from otel_kubecost.receivers.prometheus.exposition import ExpositionError, blocks, values

_MOST_AHEAD = 600_000


class PlainReader:
    """Reads the pages of one target."""

    def __init__(self, labelling, honor_timestamps):
        self._labelling = labelling
        self._honor_timestamps = honor_timestamps
        self._known = set()
        self._last = {}

    def read(self, body, page_format, now):
        """What is sent, and the counts: of samples scraped, kept, added and of those left out."""
        page = _Page(self._labelling, self._honor_timestamps, page_format, now)
        try:
            for line in chain.from_iterable(block.lines for block in blocks([body])):
                page.add(line, self._last)
        except ExpositionError:
            added = len(page.keys - self._known)
            self._known |= page.keys
            self._last = page.left(self._last)
            return None, (page.scraped, page.kept, added)
        counts = (page.scraped, page.kept, len(page.keys - self._known))
        if body:
            self._known = page.keys
            self._last = page.last
        return page.sent, (*counts, page.duplicates, page.out_of_order, page.out_of_bounds)


class _Page:
    def __init__(self, labelling, honor_timestamps, page_format, now):
        self._labelling = labelling
        self._honor_timestamps = honor_timestamps
        self._format = page_format
        self._now = now
        self.sent = []
        self.keys = set()
        self.last = {}
        self.names = set()
        self.scraped = self.kept = self.duplicates = self.out_of_order = self.out_of_bounds = 0

    def add(self, line, before):
        tokens = self._format.cut(line)
        if not tokens.key:
            return
        (value,) = values([tokens.value])
        time = self._format.time(tokens.time) if tokens.time else None
        self.scraped += 1
        self.names.add(self._format.series(tokens.key)[0])
        labels = self._labelling.of(*self._format.series(tokens.key))
        if labels is None:
            return
        self.kept += 1
        self.keys.add(tokens.key)
        own_time = time if self._honor_timestamps else None
        self._judge(labels, value, self._now if own_time is None else own_time, before)

    def left(self, before):
        """Of the samples ``before`` a page that failed; it need not know those that were gone."""
        return {
            series: last
            for series, last in before.items()
            if series in self.last or series[0] not in self.names
        }

    def _judge(self, labels, value, time, before):
        name = labels.pop("__name__")
        series = (name, tuple(sorted(labels.items())))
        last, known = self.last.setdefault(series, before.get(series, (-math.inf, math.nan)))
        if not 0 <= time <= self._now + _MOST_AHEAD:
            self.out_of_bounds += 1
        elif time > last:
            self.last[series] = (time, value)
            self.sent.append((*series, value, time))
        elif time < last:
            self.out_of_order += 1
        elif repr(value) != repr(known):
            self.duplicates += 1
