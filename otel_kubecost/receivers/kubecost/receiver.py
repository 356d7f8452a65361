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
from otel_kubecost.confmap import build_options
from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.http.config import shown_url
from otel_kubecost.pdata import count_points, emptied, restamp, with_ended
from otel_kubecost.receivers.kubecost.agent import AgentState, agent_metrics
from otel_kubecost.receivers.kubecost.client import KubecostClient
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.scrape import Scrape, scrape
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
        self._failure: str | None = "Kubecost has not been asked yet"
        self._collected = float("-inf")
        self._running: threading.Thread | None = None
        self._stop = threading.Event()

    @property
    def emit_interval(self) -> float:
        return self.options.emit_interval

    @property
    def failure(self) -> str | None:
        return self._failure

    def start(self) -> None:
        _log.info(f"Kubecost URL: {shown_url(self.options.endpoint)}")
        _log.info(f"Tenant ID: {self.options.tenant_id}")

    def collect(self, mark: float, patience: float | None = None) -> Iterator[MetricsData]:
        """The costs, and apart from them the agent's own metrics, all stamped ``mark``."""
        if self._due(mark):
            self._begin(mark)
        if self._running:
            self._running.join(patience)
        if self._last:
            costs = restamp(self._current(self._last, mark), mark)
            self._agent.series = count_points(costs)
            yield costs
        yield agent_metrics(self._agent, self.options, self._scope, mark)

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        self._stop.set()
        if self._running:
            self._running.join(timeout_millis / 1000)
        self._client.close()

    def _current(self, last: Scrape, mark: float) -> MetricsData:
        """The last good answer, until it is too old to be repeated."""
        fresh = mark - last.mark <= self.options.max_staleness
        return last.data if fresh else emptied(last.data)

    def _due(self, mark: float) -> bool:
        """At marks of ``collection_interval``; after a failure at the next mark of any kind."""
        if self._stop.is_set() or (self._running and self._running.is_alive()):
            return False
        return not self._agent.success or self._collection(mark) > self._collected

    def _collection(self, mark: float) -> float:
        return floor_mark(mark, self.options.collection_interval)

    def _begin(self, mark: float) -> None:
        self._collected = self._collection(mark)
        self._running = threading.Thread(
            target=self._scrape, args=(mark,), name=f"{self._scope.name}.scrape", daemon=True
        )
        self._running.start()

    def _scrape(self, mark: float) -> None:
        jitter = random.uniform(0, self.options.jitter)  # noqa: S311  it spreads load, no more
        if self._clock.wait(self._stop, jitter):
            return
        began = self._clock.monotonic()
        found = self._try(mark)
        duration = self._clock.monotonic() - began
        if found is None:
            self._agent.failed(duration)
            return
        if self._last:
            found = replace(found, data=with_ended(found.data, self._last.data))
        self._agent.succeeded(duration, mark, found.data_through)
        self._last = found

    def _try(self, mark: float) -> Scrape | None:
        try:
            found = scrape(self._client, self.options, self._scope, mark)
        except NoDataError as error:
            self._failure = str(error)
            _log.warning(self._failure, hint="Normal for Kubecost's first 15 to 30 minutes")
        except ScrapeError as error:
            self._failure = str(error)
            _log.error(self._failure)
        except Exception as error:  # noqa: BLE001  a defect here must not end the metrics that there are
            self._failure = f"The scrape failed for a reason that nobody foresaw: {error!r}"
            _log.exception(self._failure)
        else:
            self._failure = None
            _report(found)
            return found
        return None


def _report(found: Scrape) -> None:
    _log.info(
        f"Successfully scraped allocation data: {found.namespaces} namespaces",
        window=str(found.window),
        hours_covered=round(found.hours, 3),
    )
    if found.null_rows or found.lenient_rows:
        _log.warning(
            f"{found.null_rows} rows of Kubecost's answer were null,"
            f" {found.lenient_rows} not of the documented shape",
            hint="what could not be read of them is not published",
        )
