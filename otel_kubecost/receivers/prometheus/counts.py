"""What went wrong with scrapes and samples since the start, under Prometheus' names.

They have the label ``receiver`` beside those of Prometheus: a process may have several receivers.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import Metric, MetricsData

from otel_kubecost.own_metrics import Observed, own_batch, own_metric


class Event(StrEnum):
    """The value is the name of its counter."""

    SAMPLE_LIMIT = "prometheus_target_scrapes_exceeded_sample_limit_total"
    BODY_SIZE_LIMIT = "prometheus_target_scrapes_exceeded_body_size_limit_total"
    TARGET_LIMIT = "prometheus_target_scrape_pool_exceeded_target_limit_total"
    DUPLICATE = "prometheus_target_scrapes_sample_duplicate_timestamp_total"
    OUT_OF_ORDER = "prometheus_target_scrapes_sample_out_of_order_total"
    OUT_OF_BOUNDS = "prometheus_target_scrapes_sample_out_of_bounds_total"
    LEFT_OUT = "otel_kubecost_scrapes_left_out_total"


_ABOUT: Mapping[Event, str] = {
    Event.SAMPLE_LIMIT: "Scrapes that failed for sample_limit.",
    Event.BODY_SIZE_LIMIT: "Scrapes that failed for body_size_limit.",
    Event.TARGET_LIMIT: "Times that a job had more targets than its target_limit.",
    Event.DUPLICATE: "Samples dropped that say another value for a time that was there.",
    Event.OUT_OF_ORDER: "Samples dropped that were older than the last of their series.",
    Event.OUT_OF_BOUNDS: "Samples dropped whose time lies too far ahead.",
    Event.LEFT_OUT: "Scrapes that were due while pipelines did not collect those before.",
}


class Counts:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._counts: Counter[Event] = Counter()
        self._lock = threading.Lock()

    def add(self, event: Event, number: int = 1) -> None:
        with self._lock:
            self._counts[event] += number

    def __getitem__(self, event: Event) -> int:
        return self._counts[event]


class OfJob(NamedTuple):
    """How a job stands."""

    name: str
    discovered: int
    """Targets that its discoveries found, before ``relabel_configs``."""
    active: int
    """Targets that are scraped."""


def own_metrics(receiver: str, counts: Counts, jobs: Sequence[OfJob], now: float) -> MetricsData:
    """``now`` is in seconds since the epoch."""
    metrics = [*_of_events(receiver, counts, now), *_of_jobs(receiver, jobs, now)]
    return own_batch("otel_kubecost.receivers.prometheus", metrics)


def _of_events(receiver: str, counts: Counts, now: float) -> Iterator[Metric]:
    for event, about in _ABOUT.items():
        yield own_metric(event, about, [({"receiver": receiver}, counts[event])], now)


def _of_jobs(receiver: str, jobs: Sequence[OfJob], now: float) -> Iterator[Metric]:
    of_all, prefix = {"receiver": receiver}, "prometheus_target_scrape_pool"
    active: Observed = [({**of_all, "scrape_job": one.name}, one.active) for one in jobs]
    found: Observed = [
        ({**of_all, "name": "scrape", "config": one.name}, one.discovered) for one in jobs
    ]
    yield own_metric(f"{prefix}s_total", "Jobs.", [(of_all, len(jobs))], now)
    yield own_metric(f"{prefix}_targets", "Targets that are scraped, by job.", active, now)
    yield own_metric("prometheus_sd_discovered_targets", "Targets that were found.", found, now)
