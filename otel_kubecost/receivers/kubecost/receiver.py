"""The receiver ``kubecost``: scrapes at its own pace, gives batches at every mark.

Kubecost is asked every ``collection_interval``; samples leave every ``emit_interval``, whatever
the former is, because a query at the destination looks five minutes back at most. Windows and
times follow from the mark alone: two agents that get the same answers in time for the same marks
give the same batches.
"""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.clock import Clock, SystemClock, floor_mark
from otel_kubecost.config.problems import build_options
from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.http.config import shown_url
from otel_kubecost.pdata import count_points, emptied, restamp, with_ended
from otel_kubecost.receivers.kubecost.agent import AgentState, agent_metrics
from otel_kubecost.receivers.kubecost.client import KubecostClient
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.scrape import Scrape, scrape
from otel_kubecost.receivers.kubecost.window import rfc3339
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
        **keywords: Any,
    ) -> None:
        """``keywords`` are the options of a configuration file; ``name`` is the component's id.

        Raises ConfigError.
        """
        self.options = options or build_options(KubecostReceiverOptions, keywords)
        self._clock = clock or SystemClock()
        self._client = KubecostClient(self.options)
        self._scope = InstrumentationScope(f"otel_kubecost.receivers.{name}")
        self._agent = AgentState(instance=socket.gethostname(), started=self._clock.time())
        self._last: Scrape | None = None
        self._mark = self._mark_before = float("-inf")
        self._costs_before: MetricsData | None = None
        self._agent_before: MetricsData | None = None
        self._failure: str | None = "Kubecost has not been asked yet"
        self._collected = float("-inf")
        self._lock = threading.Lock()
        self._serving = threading.Lock()
        self._served: list[MetricsData] = []
        self._answered = threading.Event()
        self._answered.set()
        self._stop = threading.Event()
        self._started = False

    @property
    def emit_interval(self) -> float:
        return self.options.emit_interval

    @property
    def failure(self) -> str | None:
        return self._failure

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
        last = predecessor._last
        self._mark_before = max(predecessor._mark, predecessor._mark_before)
        if predecessor.options == self.options:
            self._last, self._agent = last, predecessor._agent
            self._costs_before = predecessor._costs_before
            self._agent_before = predecessor._agent_before
        else:
            self._costs_before = last.data if last else predecessor._costs_before
            self._agent_before = predecessor._own_batch(0.0)

    def collect(self, mark: float, patience: float | None = None) -> Iterator[MetricsData]:
        """The costs, and apart from them the agent's own metrics, all stamped ``mark``.

        Once started, every pipeline that asks for a mark gets the same batches.
        """
        with self._serving:
            if not self._started:
                return self._batches(mark, patience)
            if mark != self._mark:
                self._served = list(self._batches(mark, patience))
                self._mark = mark
            return iter(self._served)

    def _batches(self, mark: float, patience: float | None) -> Iterator[MetricsData]:
        self._ask(mark, patience)
        if mark <= self._mark_before:
            return  # the predecessor gave this mark its batches, with values of its own
        if self._last:
            costs = restamp(self._current(self._last, mark), mark)
            self._agent.series = count_points(costs)
            yield costs
        own = self._own_batch(mark)
        if self._agent_before:
            own = restamp(with_ended(own, self._agent_before), mark)
            self._agent_before = None
        yield own

    def shutdown(self, timeout_millis: float = 30_000) -> None:  # noqa: ARG002  the protocol's
        """Ask no more. A query under way is left behind, with whoever waits for it."""
        self._stop.set()
        self._answered.set()
        self._client.close()

    def _ask(self, mark: float, patience: float | None) -> None:
        """Have a scrape made where one is due, one at a time, and wait for it."""
        with self._lock:
            if self._due(mark):
                self._collected = self._collection(mark)
                self._answered.clear()
                name = f"{self._scope.name}.scrape"
                threading.Thread(target=self._scrape, args=(mark,), name=name, daemon=True).start()
        self._answered.wait(patience)

    def _own_batch(self, mark: float) -> MetricsData:
        return agent_metrics(self._agent, self.options, self._scope, mark)

    def _current(self, last: Scrape, mark: float) -> MetricsData:
        """The last good answer, until it is too old to be repeated."""
        fresh = mark - last.mark <= self.options.max_staleness
        return last.data if fresh else emptied(last.data)

    def _due(self, mark: float) -> bool:
        """At marks of ``collection_interval``; after a failure at the next mark of any kind."""
        if self._stop.is_set() or not self._answered.is_set():
            return False
        return not self._agent.success or self._collection(mark) > self._collected

    def _collection(self, mark: float) -> float:
        return floor_mark(mark, self.options.collection_interval)

    def _scrape(self, mark: float) -> None:
        # Jitter spreads the load of many agents; who asks once, by hand, wants the answer now.
        jitter = random.uniform(0, self.options.jitter) if self._started else 0.0  # noqa: S311
        self._clock.wait(self._stop, jitter)
        began = self._clock.monotonic()
        result = self._try(mark)
        if not self._stop.is_set():
            self._keep(result, mark, self._clock.monotonic() - began)
        self._answered.set()

    def _try(self, mark: float) -> Scrape | ScrapeError:
        try:
            return scrape(self._client, self.options, self._scope, mark)
        except ScrapeError as error:
            return error
        except Exception as error:  # noqa: BLE001  a defect here must not end the metrics there are
            unforeseen = ScrapeError(f"The scrape failed for a reason nobody foresaw: {error!r}")
            unforeseen.__cause__ = error
            return unforeseen

    def _keep(self, result: Scrape | ScrapeError, mark: float, duration: float) -> None:
        if isinstance(result, ScrapeError):
            self._failure = str(result)
            self._agent.failed(duration)
            _complain(result)
            return
        self._failure = None
        self._agent.succeeded(duration, mark, result.data_through)
        before = self._last.data if self._last else self._costs_before
        data = with_ended(result.data, before) if before else result.data
        self._last, self._costs_before = replace(result, data=data), None
        _report(result)


def _complain(error: ScrapeError) -> None:
    if isinstance(error, NoDataError):
        _log.warning(str(error), hint="Normal for Kubecost's first 15 to 30 minutes")
    else:
        _log.error(str(error), exc_info=error.__cause__)


def _report(found: Scrape) -> None:
    _log.info(
        f"Successfully scraped allocation data: {found.namespaces} namespaces",
        window=str(found.window),
        hours_covered=round(found.hours, 3),
    )
    if found.data_through <= found.window.start:
        _log.warning(
            "Kubecost's newest data is older than the window that was asked for",
            data_through=rfc3339(found.data_through),
            window=str(found.window),
            hint="is Kubecost's own data collection running?",
        )
    if found.null_rows or found.lenient_rows:
        _log.warning(
            f"{found.null_rows} rows of Kubecost's answer were null,"
            f" {found.lenient_rows} not of the documented shape",
            hint="what could not be read of them is not published",
        )
