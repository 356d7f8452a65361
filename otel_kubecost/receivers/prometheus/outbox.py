"""What was scraped and is not collected yet, once for each pipeline."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics

from otel_kubecost.pdata import MOST
from otel_kubecost.receivers.prometheus.running import Running

ROOM = 5
"""Scrapes of a target that may wait: it is not scraped again before somebody takes them."""


class Scraped(NamedTuple):
    """One scrape as a batch of its own, or the end of a target."""

    of: Running
    data: MetricsData
    points: int


class Tap:
    """What one pipeline has not had yet."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self.waiting: list[Scraped] = []
        self.count: Counter[Running] = Counter()

    def collect(self, mark: float, patience: float | None = None) -> Iterator[MetricsData]:  # noqa: ARG002  a receiver's
        """All that came since the last time, at once, whatever the mark."""
        return joined(self._outbox.take(self))

    def close(self) -> None:
        """Nothing is kept for this one any more."""
        self._outbox.forget(self)


class Outbox:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._taps: list[Tap] = []
        self._lock = threading.Lock()
        self._is_closed = False

    def tap(self) -> Tap:
        """For one more pipeline, which gets what comes from now on."""
        with self._lock:
            self._taps.append(Tap(self))
            return self._taps[-1]

    @property
    def is_tapped(self) -> bool:
        return bool(self._taps)

    def put(self, scraped: Scraped) -> bool:
        """False where nothing may come any more: after the end of its target, or of all."""
        with self._lock:
            if self._is_closed or scraped.of.is_gone:
                return False
            self._add(scraped)
            return True

    def end(self, one: Running, data: MetricsData) -> None:
        """``data`` is the last that comes of ``one``."""
        with self._lock:
            if not one.is_gone:
                one.is_gone = True
                self._add(Scraped(one, data, 0))

    def has_room(self, one: Running) -> bool:
        return all(tap.count[one] < ROOM for tap in self._taps)

    def take(self, tap: Tap) -> list[Scraped]:
        with self._lock:
            taken, tap.waiting = tap.waiting, []
            tap.count.clear()
            return taken

    def forget(self, tap: Tap) -> None:
        with self._lock:
            if tap in self._taps:
                self._taps.remove(tap)

    def close(self) -> None:
        """Take no more; what is there can still be collected."""
        with self._lock:
            self._is_closed = True

    def _add(self, scraped: Scraped) -> None:
        for tap in self._taps:
            tap.waiting.append(scraped)
            tap.count[scraped.of] += 1


def joined(scrapes: Iterable[Scraped]) -> Iterator[MetricsData]:
    """Batches of some 10,000 points, in their order; a target is in each of them once at most."""
    batch: dict[Running, ResourceMetrics] = {}
    points = 0
    for one in scrapes:
        if one.of in batch or (batch and points + one.points > MOST):
            yield MetricsData(list(batch.values()))
            batch, points = {}, 0
        (batch[one.of],) = one.data.resource_metrics
        points += one.points
    if batch:
        yield MetricsData(list(batch.values()))
