"""A target that is scraped: what is known of it from one scrape to the next."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import NamedTuple

from otel_kubecost.http.config import shown_url
from otel_kubecost.receivers.prometheus.config import ScrapeConfig
from otel_kubecost.receivers.prometheus.discovery.targets import Target
from otel_kubecost.receivers.prometheus.fetching import Fetcher
from otel_kubecost.receivers.prometheus.page import PageReader
from otel_kubecost.receivers.prometheus.reports import Origin


class Failure(NamedTuple):
    """Why a scrape failed, and what to look at; the latter may be empty."""

    reason: str
    hint: str = ""


@dataclass(eq=False, slots=True)
class Running:
    """One target of one job."""

    job: ScrapeConfig
    target: Target
    fetcher: Fetcher
    origin: Origin
    reader: PageReader
    planned: int = 0
    """When it is scraped next, in milliseconds since the epoch; 0 is as soon as it can be."""
    last: int = 0
    """The time of the last scrape; 0 where there was none."""
    is_known: bool = False
    """Whether a scrape has come to its end."""
    failure: Failure | None = None
    """Of the last scrape."""
    refusal: Failure | None = None
    """Why it is not asked at all."""
    is_gone: bool = False
    being_scraped: threading.Lock = field(default_factory=threading.Lock)

    @property
    def interval(self) -> int:
        """Milliseconds between two scrapes."""
        return max(1, round(self.target.interval * 1000))

    @property
    def url(self) -> str:
        """As it may be shown."""
        return shown_url(self.target.url)

    @property
    def has_answered(self) -> bool:
        return self.is_known and self.failure is None

    def go_on_for(self, before: Running) -> None:
        """Know what ``before`` knew, whose scrapes have ended or are left behind."""
        self.last, self.is_known, self.failure = before.last, before.is_known, before.failure
        # One that is left behind reads its page still: what it knows is in the middle of a change.
        if before.job == self.job and before.being_scraped.acquire(blocking=False):
            self.reader = before.reader
