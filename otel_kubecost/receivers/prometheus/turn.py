"""A target's turn: it is scraped now, and what comes of it is told."""

from __future__ import annotations

from otel_kubecost.clock import Clock
from otel_kubecost.receivers.prometheus.counts import Counts, Event
from otel_kubecost.receivers.prometheus.outbox import Scraped
from otel_kubecost.receivers.prometheus.running import Failure, Running
from otel_kubecost.receivers.prometheus.scrape import Found, scrape
from otel_kubecost.receivers.prometheus.timing import time_of_scrape
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class Turns:
    """Of all targets of a receiver. Safe to use from several threads."""

    def __init__(self, clock: Clock, counts: Counts) -> None:
        self._clock = clock
        self._counts = counts

    def take(self, one: Running) -> Scraped | None:
        """Scrape ``one``; None where its clock has not gone on, or a successor has taken over."""
        if not one.being_scraped.acquire(blocking=False):
            return None
        try:
            return self._scraped(one)
        finally:
            one.being_scraped.release()

    def _scraped(self, one: Running) -> Scraped | None:
        now = int(self._clock.time() * 1000)
        time, due = time_of_scrape(one.planned or now, one.interval, now)
        one.planned = due + one.interval
        if time <= one.last:
            return None
        one.last = time
        found = scrape(one, time, self._clock)
        self._count(found)
        before, one.failure, one.is_known = one.failure, found.failure, True
        _tell(one, before, found.failure)
        return Scraped(one, found.data, found.points)

    def _count(self, found: Found) -> None:
        page = found.page
        for event, number in (
            (Event.DUPLICATE, page.duplicates),
            (Event.OUT_OF_ORDER, page.out_of_order),
            (Event.OUT_OF_BOUNDS, page.out_of_bounds),
            (found.event, 1),
        ):
            if event and number:
                self._counts.add(event, number)


def _tell(one: Running, before: Failure | None, now: Failure | None) -> None:
    """Of a change alone: a target that is down for a day is one line."""
    about = {"job": one.job.job_name, "url": one.url}
    if now and not before:
        hint = {"hint": now.hint} if now.hint else {}
        _log.warning(f"A target of {one.job.job_name} is down: {now.reason}", **about, **hint)
    elif before and not now:
        _log.info(f"A target of {one.job.job_name} is up again", **about)
