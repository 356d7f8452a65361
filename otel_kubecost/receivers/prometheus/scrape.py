"""One scrape: a page, or why there is none, and the report on it [I/O]."""

from __future__ import annotations

from typing import NamedTuple

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.clock import Clock
from otel_kubecost.http.failure import FailureKind, HTTPFailure
from otel_kubecost.receivers.prometheus.counts import Event
from otel_kubecost.receivers.prometheus.exposition import ExpositionError, format_of
from otel_kubecost.receivers.prometheus.page import LimitError, Page
from otel_kubecost.receivers.prometheus.reports import Report
from otel_kubecost.receivers.prometheus.running import Failure, Running
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_NOTHING = Page([])
_REPORTS = 5
"""Samples that every scrape has beside those of the page."""
_HINTS = {FailureKind.TIMEOUT: "raise scrape_timeout, or find out what takes the target so long"}


class Found(NamedTuple):
    """What came of a scrape."""

    data: MetricsData
    points: int
    page: Page
    """Of one that failed what was counted up to the fault."""
    failure: Failure | None
    event: Event | None
    """What the failure counts as."""


def scrape(one: Running, time: int, clock: Clock) -> Found:
    """What ``one`` says at ``time`` (milliseconds since the epoch). Raises nothing."""
    began = clock.monotonic()
    page, failure, event = _attempt(one, time)
    seconds = clock.monotonic() - began
    report = Report(failure is None, seconds, page.scraped, page.kept, page.added)
    data = one.origin.batch(page.metrics, report, time)
    points = page.kept + _REPORTS if failure is None else _REPORTS
    return Found(data, points, page, failure, event)


def _attempt(one: Running, time: int) -> tuple[Page, Failure | None, Event | None]:
    if one.refusal:
        return _NOTHING, one.refusal, None
    try:
        with one.fetcher.page(one.target) as answer:
            page = one.reader.read(answer.chunks, format_of(answer.content_type), time)
    except HTTPFailure as error:
        is_size = error.kind is FailureKind.TOO_LARGE
        failure = Failure(str(error), _HINTS.get(error.kind, error.hint))
        return _NOTHING, failure, Event.BODY_SIZE_LIMIT if is_size else None
    except ExpositionError as error:
        is_samples = isinstance(error, LimitError) and error.limit == "sample_limit"
        return one.reader.last, Failure(str(error)), Event.SAMPLE_LIMIT if is_samples else None
    except Exception as error:  # noqa: BLE001  a defect here must not end the scrapes of a target
        _log.exception("A scrape failed for a reason nobody foresaw", url=one.url)
        return _NOTHING, Failure(f"a defect of this agent: {type(error).__name__}"), None
    return page, None, None
