"""When Kubecost is asked, one question at a time, and what is known of it meanwhile [I/O].

A scrape runs on a thread of its own: neither a mark nor the end of the process waits for a
Kubecost that hangs. The last good answer stays for as long as the receiver wants to repeat it.
"""

from __future__ import annotations

import random
import socket
import threading
from dataclasses import replace

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.clock import Clock, floor_mark
from otel_kubecost.errors import ScrapeError
from otel_kubecost.pdata import with_ended
from otel_kubecost.receivers.kubecost.agent import AgentState
from otel_kubecost.receivers.kubecost.client import KubecostClient
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.product import Product
from otel_kubecost.receivers.kubecost.reporting import (
    complain,
    report,
    report_assets,
    report_currency,
    report_product,
)
from otel_kubecost.receivers.kubecost.scrape import Scrape, scrape, window_at
from otel_kubecost.receivers.kubecost.tracing import describe, scrape_span
from otel_kubecost.receivers.kubecost.window import Window


class Scraper:
    """Asks at marks of ``collection_interval``, and after a failure at any mark."""

    def __init__(
        self, options: KubecostReceiverOptions, scope: InstrumentationScope, clock: Clock
    ) -> None:
        self.agent = AgentState(instance=socket.gethostname(), started=clock.time())
        self.last: Scrape | None = None
        """The last good answer."""
        self.failure: str | None = "Kubecost has not been asked yet"
        """Why there was no answer the last time; None where there was one."""
        self.silent_since: float | None = None
        """The mark of the first failure after the last good answer."""
        self.ending: MetricsData | None = None
        """What somebody else gave before, to be ended by the first answer that lacks it."""
        self.stopped = threading.Event()
        self._options = options
        self._scope = scope
        self._clock = clock
        self._client = KubecostClient(options, clock)
        self._asking = threading.Lock()
        self._product: Product | None = None
        self._assets_problem: str | None = None
        self._collected = float("-inf")
        self._lock = threading.Lock()
        self._answered = threading.Event()
        self._answered.set()

    @property
    def product(self) -> Product | None:
        return self._client.product

    def window_at(self, mark: float) -> Window:
        """The window that a scrape at ``mark`` asks for."""
        return window_at(self._client, self._options, mark)

    def adopt(self, predecessor: Scraper) -> None:
        """Know what ``predecessor`` knew, which had the same options."""
        self.last, self.agent = predecessor.last, predecessor.agent
        self.ending = predecessor.ending
        self.silent_since = predecessor.silent_since
        self._product = predecessor._product

    def ask(self, mark: float, patience: float | None, jitter: float) -> None:
        """Have a scrape made where one is due, and wait ``patience`` seconds for its answer."""
        with self._lock:
            if self._due(mark):
                self._collected = self._collection(mark)
                self._answered.clear()
                self._in_background(mark, jitter)
        self._answered.wait(patience)

    def earlier(self, window: Window) -> Scrape:
        """The answer for an explicit window. Raises NoDataError, ScrapeError."""
        with self._asking:
            return self._scrape(self._clock.time(), window)

    def close(self) -> None:
        """Ask no more. A query under way is left behind, with whoever waits for it."""
        self.stopped.set()
        self._answered.set()
        self._client.close()

    def _due(self, mark: float) -> bool:
        if self.stopped.is_set() or not self._answered.is_set():
            return False
        return not self.agent.success or self._collection(mark) > self._collected

    def _collection(self, mark: float) -> float:
        return floor_mark(mark, self._options.collection_interval)

    def _in_background(self, mark: float, jitter: float) -> None:
        name = f"{self._scope.name}.scrape"
        threading.Thread(target=self._run, args=(mark, jitter), name=name, daemon=True).start()

    def _run(self, mark: float, jitter: float) -> None:
        # Jitter spreads the load of many agents.
        self._clock.wait(self.stopped, random.uniform(0, jitter))  # noqa: S311
        began = self._clock.monotonic()
        try:
            result = self._try(mark)
            if not self.stopped.is_set():
                self._keep(result, mark, self._clock.monotonic() - began)
        finally:
            self._answered.set()

    def _try(self, mark: float) -> Scrape | ScrapeError:
        try:
            with self._asking:
                # Of the grid, whenever the process began: two agents ask for the same window.
                return replace(self._scrape(self._collection(mark)), mark=mark)
        except ScrapeError as error:
            return error
        except Exception as error:  # noqa: BLE001  a defect here must not end the metrics there are
            unforeseen = ScrapeError(f"The scrape failed for a reason nobody foresaw: {error!r}")
            unforeseen.__cause__ = error
            return unforeseen

    def _scrape(self, mark: float, window: Window | None = None) -> Scrape:
        receiver = self._scope.name.removeprefix("otel_kubecost.receivers.")
        with scrape_span(receiver, window or self.window_at(mark)) as span:
            found = scrape(self._client, self._options, self._scope, mark, window)
            describe(span, found)
            return found

    def _keep(self, result: Scrape | ScrapeError, mark: float, duration: float) -> None:
        if isinstance(result, ScrapeError):
            self.failure = str(result)
            self.silent_since = mark if self.silent_since is None else self.silent_since
            self.agent.failed(duration)
            complain(result)
            return
        self.failure = self.silent_since = None
        self.agent.succeeded(duration, mark, result)
        if self.last is None or self.last.currency != result.currency:
            report_currency(result)
        if result.assets_problem and result.assets_problem != self._assets_problem:
            report_assets(result.assets_problem)
        self._assets_problem = result.assets_problem
        before = self.last.data if self.last else self.ending
        data = with_ended(result.data, before) if before else result.data
        self.last, self.ending = replace(result, data=data), None
        if self.product != self._product:
            self._product = self.product
            report_product(self.product)
        report(result)
