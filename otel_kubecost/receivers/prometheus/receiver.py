"""The receiver ``prometheus``: scrapes targets when they are due, and gives what came since.

Every target is scraped in its own time, on threads that wait for nobody else; ``collect`` hands
over what came between two marks. Samples have the times of their scrapes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.clock import Clock, Deadline, SystemClock
from otel_kubecost.config.problems import build_options
from otel_kubecost.receivers.prometheus.config import PrometheusReceiverOptions
from otel_kubecost.receivers.prometheus.counts import Counts, Event, own_metrics
from otel_kubecost.receivers.prometheus.crew import Crew
from otel_kubecost.receivers.prometheus.jobs import PATIENCE, Jobs
from otel_kubecost.receivers.prometheus.outbox import Outbox, Scraped, Tap, joined
from otel_kubecost.receivers.prometheus.running import Running
from otel_kubecost.receivers.prometheus.scheduler import Scheduler
from otel_kubecost.receivers.prometheus.timing import first_time
from otel_kubecost.receivers.prometheus.turn import Turns
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class PrometheusReceiver:
    """Scrapes as a Prometheus with the same ``scrape_configs`` does.

    >>> targets = [{"targets": ["node-exporter:9100"]}]
    >>> PrometheusReceiver(scrape_configs=[{"job_name": "node", "static_configs": targets}])
    """

    def __init__(
        self,
        options: PrometheusReceiverOptions | None = None,
        /,
        *,
        name: str = "prometheus",
        clock: Clock | None = None,
        **keywords: Any,
    ) -> None:
        """``keywords`` are the options of a configuration file; ``name`` is the component's id.

        Raises ConfigError.
        """
        self.options = options or build_options(PrometheusReceiverOptions, keywords)
        self.name = name
        self._clock = clock or SystemClock()
        self._scope = f"otel_kubecost.receivers.{name}"
        self._counts = Counts()
        self._outbox = Outbox()
        self._turns = Turns(self._clock, self._counts)
        self._scheduler = Scheduler(self._scope, self._clock, self._scrape)
        self._jobs = Jobs(
            self.options.scraped.jobs,
            scope=self._scope,
            clock=self._clock,
            counts=self._counts,
            begin=self._begin,
            end=self._end,
        )
        self._own_tap: Tap | None = None
        self._is_started = False
        self._is_behind = False
        self._stopped = threading.Event()

    @property
    def emit_interval(self) -> float:
        return self.options.emit_interval

    @property
    def failure(self) -> str | None:
        """None as soon as one target answers; also where there are none, and that is all right."""
        running = self._jobs.running
        if not running:
            return self._jobs.failure
        if any(one.has_answered for one in running):
            return None
        reasons = (one.failure.reason for one in running if one.failure)
        return next(reasons, "No target has been scraped yet")

    def own_metrics(self) -> MetricsData:
        """What went wrong with scrapes so far, and how many targets there are."""
        stands = [pool.stands() for pool in self._jobs.pools]
        return own_metrics(self.name, self._counts, stands, self._clock.time())

    def tap(self) -> Tap:
        """For one pipeline: all that is scraped from now on."""
        return self._outbox.tap()

    def adopt(self, predecessor: PrometheusReceiver) -> None:
        """Go on with its targets; series of those that are gone end."""
        self._jobs.adopt(predecessor._jobs)
        self._counts = predecessor._counts
        self._turns = Turns(self._clock, self._counts)

    def start(self) -> None:
        if self._is_started or self._stopped.is_set():
            return
        self._is_started = True
        if not self._outbox.is_tapped:
            self._own_tap = self._outbox.tap()
        self._scheduler.start()
        self._jobs.start(self._scope)

    def collect(self, mark: float, patience: float | None = None) -> Iterator[MetricsData]:
        """What was scraped since the last time; without ``start`` all targets, now.

        Whoever collects beside pipelines, which have taps of their own, gets nothing.
        """
        if self._own_tap:
            return self._own_tap.collect(mark)
        if self._is_started or self._stopped.is_set():
            return iter(())
        return joined(self._at_once(PATIENCE if patience is None else patience))

    def leave(self) -> None:
        """Nobody goes on with the targets: their series end."""
        for one in self._jobs.running:
            self._end(one)

    def shutdown(self, timeout_millis: float = 30_000) -> None:  # noqa: ARG002  the protocol's
        """Scrape no more. What is under way is left behind; what came can be collected still."""
        self._stopped.set()
        self._outbox.close()
        self._scheduler.shutdown()
        self._jobs.shutdown()

    def _begin(self, one: Running) -> None:
        one.planned = first_time(one.target.identity, one.interval, self._now())
        self._scheduler.add(one)

    def _end(self, one: Running) -> None:
        self._outbox.end(one, one.origin.ended(max(self._now(), one.last + 1)))

    def _scrape(self, one: Running) -> None:
        """On a thread of the scheduler's."""
        if self._outbox.has_room(one):
            self._is_behind = False
            if scraped := self._turns.take(one):
                self._outbox.put(scraped)
            return
        one.planned = one.planned + one.interval
        self._counts.add(Event.LEFT_OUT)
        if not self._is_behind:
            self._is_behind = True
            hint = "an exporter or a processor takes too long"
            _log.warning("Scrapes are left out: a pipeline does not take what there is", hint=hint)

    def _at_once(self, patience: float) -> Iterator[Scraped]:
        """All targets, as far as they answer in time."""
        deadline = Deadline(patience)
        self._jobs.find(deadline.left())
        running, crew = self._jobs.running, Crew(f"{self._scope}.scrape")
        results: SimpleQueue[Scraped | None] = SimpleQueue()
        for one in running:
            crew.do(partial(self._into, results, one))
        try:
            for _ in running:
                if scraped := results.get(timeout=deadline.left()):
                    yield scraped
        except Empty:
            _log.warning("Not all targets have answered in time")
        finally:
            crew.end()

    def _into(self, results: SimpleQueue[Scraped | None], one: Running) -> None:
        results.put(self._turns.take(one))

    def _now(self) -> int:
        return int(self._clock.time() * 1000)
