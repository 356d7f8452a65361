"""The receiver ``kubecost``: gives batches at every mark, and those of marks that were missed.

Kubecost is asked every ``collection_interval``; samples leave every ``emit_interval``, whatever
the former is, because a query at the destination looks five minutes back at most. Windows and
times follow from the mark alone: two agents that get the same answers in time for the same marks
give the same batches, and so does one that computes a mark later.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData, ScopeMetrics
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.clock import Clock, Deadline, SystemClock, floor_mark
from otel_kubecost.component import Past
from otel_kubecost.config.problems import build_options
from otel_kubecost.http.config import shown_url
from otel_kubecost.pdata import count_points, emptied, restamp, with_ended
from otel_kubecost.receivers.kubecost.agent import agent_metrics
from otel_kubecost.receivers.kubecost.archive import Archive, Present
from otel_kubecost.receivers.kubecost.checkpoints import Checkpoints
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.history import (
    EarlierMarks,
    Form,
    Planner,
    Source,
    marks_between,
    stretches,
)
from otel_kubecost.receivers.kubecost.producing import scopes_of
from otel_kubecost.receivers.kubecost.scrape import Scrape
from otel_kubecost.receivers.kubecost.scraper import Scraper
from otel_kubecost.storage import StorageClient
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class KubecostReceiver:
    """Costs of one Kubecost or OpenCost.

    >>> KubecostReceiver(endpoint="http://kubecost:9090", tenant_id="...", cluster_name="prod")
    """

    def __init__(
        self,
        options: KubecostReceiverOptions | None = None,
        /,
        *,
        name: str = "kubecost",
        clock: Clock | None = None,
        checkpoints: StorageClient | None = None,
        **keywords: Any,
    ) -> None:
        """``keywords`` are the options of a configuration file; ``name`` is the component's id.

        ``checkpoints`` keeps how far the data came: what the option ``storage`` stands for in a
        file. Raises ConfigError.
        """
        self.options = options or build_options(KubecostReceiverOptions, keywords)
        self._clock = clock or SystemClock()
        self._scope = InstrumentationScope(f"otel_kubecost.receivers.{name}")
        self._scraper = Scraper(self.options, self._scope, self._clock)
        self._archive = Archive(
            lambda source: self._scraper.earlier(source.window),
            Present(self._mark_now, self._known, lambda: self._scraper.failure),
            round(self.options.max_staleness / self.emit_interval),
            self._scraper.stopped,
        )
        self._checkpoints = Checkpoints(checkpoints)
        self._days: set[Source] | None = None
        self._agent_before: MetricsData | None = None
        self._given: float | None = None
        self._mark = self._mark_before = float("-inf")
        self._serving = threading.Lock()
        self._served: list[MetricsData] = []
        self._started = False

    @property
    def emit_interval(self) -> float:
        return self.options.emit_interval

    @property
    def failure(self) -> str | None:
        return self._scraper.failure

    def start(self) -> None:
        if self._started:
            return
        self._started = True
        _log.info(f"Kubecost URL: {shown_url(self.options.endpoint)}")
        _log.info(f"Tenant ID: {self.options.tenant_id}")
        if self.options.collection_interval < self.options.emit_interval:
            _log.warning(
                "Kubecost is asked every emit_interval: collection_interval is shorter than that",
                hint="shorten emit_interval as well",
            )

    def adopt(self, predecessor: KubecostReceiver) -> None:
        """Go on for a receiver of an earlier configuration.

        Marks that it served are not served again. With the same options this one goes on with what
        it knew; else what it had and this one's answers have not is ended at their first mark.
        """
        before = predecessor._scraper
        self._given, self._days = predecessor._given, predecessor._days
        self._mark_before = max(predecessor._mark, predecessor._mark_before)
        if predecessor.options == self.options:
            self._scraper.adopt(before)
            self._agent_before = predecessor._agent_before
        else:
            self._scraper.ending = before.last.data if before.last else before.ending
            self._agent_before = predecessor._own_batch(0.0)

    def collect(self, mark: float, patience: float | None = None) -> Iterator[MetricsData]:
        """The costs, and apart from them the agent's own metrics, all stamped ``mark``.

        Once started, every pipeline that asks for a mark gets the same batches.
        """
        with self._serving:
            return self._at(mark, patience)

    def produce(self, timeout_millis: float = 10_000) -> Iterable[ScopeMetrics]:
        """The present mark, for a reader of the SDK: this is a MetricProducer of its specification.

        A MeterProvider has one Resource, so the points have the tenant and the cluster. Waits
        ``timeout_millis`` at most and then gives what there is; raises nothing for a source that
        fails. (The SDK of Python is to ask producers: opentelemetry-python issue 4768.)
        """
        deadline = Deadline(timeout_millis / 1000)
        if not self._serving.acquire(timeout=deadline.left()):
            return []
        try:
            return scopes_of(self._at(self._mark_now(), deadline.left()))
        finally:
            self._serving.release()

    def shutdown(self, timeout_millis: float = 30_000) -> None:  # noqa: ARG002  the protocol's
        """Ask no more. A query under way is left behind, with whoever waits for it."""
        self._scraper.close()
        self._archive.report()

    def _at(self, mark: float, patience: float | None) -> Iterator[MetricsData]:
        if not self._started:
            return self._batches(mark, patience)
        if mark != self._mark:
            self._served = list(self._batches(mark, patience))
            self._mark = mark
        return iter(self._served)

    def _batches(self, mark: float, patience: float | None) -> Iterator[MetricsData]:
        # Who asks once, by hand, wants the answer now.
        self._scraper.ask(mark, patience, self.options.jitter if self._started else 0.0)
        if mark <= self._mark_before:
            return  # the predecessor gave this mark its batches, with values of its own
        last = self._scraper.last
        if last:
            self._given = min(mark, self._end_of(last))
            costs = restamp(last.data if mark < self._end_of(last) else emptied(last.data), mark)
            self._scraper.agent.series = count_points(costs)
            yield costs
        own = self._own_batch(mark)
        if self._agent_before:
            own = restamp(with_ended(own, self._agent_before), mark)
            self._agent_before = None
        yield own

    def _own_batch(self, mark: float) -> MetricsData:
        return agent_metrics(self._scraper.agent, self.options, self._scope, mark)

    def _end_of(self, last: Scrape) -> float:
        """The mark at which the costs end if nothing follows on ``last``: it is too old then."""
        last_repeated = floor_mark(last.mark + self.options.max_staleness, self.emit_interval)
        return last_repeated + self.emit_interval

    # What was missed.

    @property
    def given(self) -> float | None:
        """The newest mark that had costs, or at which they ended."""
        return self._given

    def missed(self, after: float, mark: float) -> Past | None:
        """The marks after ``after`` whose costs nobody saw, as far back as ``backfill``.

        None as well where Kubecost has not answered for ``max_staleness``: what it can tell waits
        until it does, and the present does not wait for that.
        """
        earliest = max(after, mark - self.options.backfill - self.emit_interval)
        marks = marks_between(earliest, mark, self.emit_interval)
        silent = self._scraper.silent_since
        if not marks or (silent is not None and mark - silent > self.options.max_staleness):
            return None
        return self._earlier(marks, self._planner(mark).source)

    def recall(self, start: float, end: float) -> Past:
        """The marks of ``[start, end)``, as far as Kubecost still has them."""
        marks = marks_between(start - self.emit_interval, end, self.emit_interval)
        return self._earlier(marks, self._planner(self._clock.time()).source)

    def restated(self, mark: float, before: float | None) -> Past | None:
        """The marks of the closed days up to ``restate`` back, when another day has closed."""
        if not self.options.restate or self.failure:
            return None
        planner = self._planner(mark)
        end = planner.closed_days()
        if before is not None and self._planner(before).closed_days() >= end:
            return None
        start = end - self.options.restate
        marks = marks_between(start - self.emit_interval, end, self.emit_interval)
        return self._earlier(marks, planner.daily)

    def checkpoint(self, reader: str) -> float | None:
        return self._checkpoints.get(reader)

    def delivered(self, mark: float, reader: str) -> None:
        self._checkpoints.advance(reader, mark, self._clock.time())

    def forget(self, reader: str) -> None:
        self._checkpoints.forget(reader)

    def _planner(self, now: float) -> Planner:
        product = self._scraper.product
        if self._days is None:
            self._days = {Source(day, Form.DAILY) for day in self._checkpoints.days()}
        return Planner(
            self._scraper.window_at,
            now=now,
            interval=self.emit_interval,
            collection_interval=self.options.collection_interval,
            hourly_retention=product.hourly_retention if product else None,
            whole_days=self.options.metric_mode == "total",
            days=self._days,
        )

    def _earlier(self, marks: Sequence[float], source: Callable[[float], Source]) -> EarlierMarks:
        known = len(self._days or ())
        parts = stretches(marks, source)
        if self._days and len(self._days) > known:
            self._checkpoints.keep_days([day.window for day in list(self._days)])
        return EarlierMarks(parts, self._archive.read, self._archive.report)

    def _mark_now(self) -> float:
        return floor_mark(self._clock.time(), self.emit_interval)

    def _known(self, source: Source) -> MetricsData | None:
        """The last good answer, where it is what the window's marks had, or would have had.

        There is nothing newer while Kubecost answers. While it does not, that answer is repeated:
        to the marks of its own window, and to those of the silence.
        """
        last, silent = self._scraper.last, self._scraper.silent_since
        if not last or source.form is not Form.HOURLY or source.window.end < last.window.end:
            return None
        if silent is None:
            return last.data
        since = self._scraper.window_at(silent).end
        repeated = source.window.end == last.window.end or source.window.end >= since
        return last.data if repeated and self._mark_now() < self._end_of(last) else None
