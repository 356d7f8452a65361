"""What every exporter is that keeps what it could not send: a queue, and who speaks for it."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Generic, Self, TypeVar

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from otel_kubecost.clock import Clock, Deadline
from otel_kubecost.component import Settings
from otel_kubecost.exporters.sending.backlog import Backlog
from otel_kubecost.exporters.sending.entry import Outcome, R, Ticket
from otel_kubecost.exporters.sending.options import SendingOptions
from otel_kubecost.exporters.sending.own_metrics import queue_metrics
from otel_kubecost.exporters.sending.queueing import Client, queue_for, shown_name
from otel_kubecost.exporters.sending.stats import Stats
from otel_kubecost.own_metrics import own_batch
from otel_kubecost.pdata import is_scraped
from otel_kubecost.storage import StorageQueue, StoredRequest
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_HANDOVER_PATIENCE = 1.0
"""Seconds that a request in flight has for its answer before a successor sends it again."""


class SendingExporter(MetricExporter, Generic[R]):
    """Writes metrics to an endpoint, and does not lose them on the way.

    Requests wait in a queue, in memory or in a spool on the disk, and are sent oldest first until
    the endpoint took them. ``enqueue`` is for a pipeline and returns at once; ``export`` is for the
    SDK and waits for the answer. Safe to use from several threads.

    A subclass says what the requests of a batch are (``_requests``), and what else a successor
    takes over (``_inherit``).
    """

    def _set_up(
        self,
        options: SendingOptions,
        client: Client[R],
        unpack: Callable[[StoredRequest], R],
        spool: StorageQueue | None,
        clock: Clock,
    ) -> None:
        """``unpack`` makes a request of what ``spool`` kept of it. Raises ConfigError."""
        self._account = options.account
        self._capacity = options.queue_config.capacity
        self._name = shown_name(options, client)
        self._has_spool = spool is not None
        self._clock = clock
        self._client = client
        self._queue = queue_for(options, client, spool, unpack, clock)
        self._lock = threading.Lock()
        self._is_shut_down = False
        self._reached = 0
        """The newest time of what was scraped, in milliseconds."""

    @abstractmethod
    def _requests(self, metrics_data: MetricsData, stream: str | None) -> Iterable[R]:
        """The requests of a batch, made one by one. Called for one batch after another."""

    def _inherit(self, predecessor: Self) -> None:
        """Go on with what is not in the queue; ``predecessor`` is shut down."""

    def start(self) -> None:
        """Start the sending thread, which the first batch would start otherwise."""
        self._queue.start()

    def adopt(self, predecessor: Self) -> None:
        """Go on where ``predecessor`` stopped, which is shut down by this and sends no more.

        What waits there comes first here, its samples count in ``stats`` here, and whoever waits
        for it in ``export`` hears what becomes of it. What is of another account is not taken
        over. To be called before the first batch.
        """
        if predecessor._account != self._account:
            predecessor.shutdown(timeout_millis=_HANDOVER_PATIENCE * 1000)
            return
        backlog = predecessor.release()
        pending = backlog.stats().pending
        left = self._queue.adopt(backlog)
        if left:
            hint = "configure that storage again to have them sent"
            _log.warning(f"{left} samples stay where they were", exporter=self.name, hint=hint)
        self._inherit(predecessor)
        if pending and not left:
            _log.info(f"Took over {pending} samples", exporter=self.name, pending=pending)

    def release(self) -> Backlog[R]:
        """Shut down without sending what waits, and give it away. Takes a second at most."""
        with self._lock:
            self._is_shut_down = True
            backlog = self._queue.release(_HANDOVER_PATIENCE)
        self._client.close()
        return backlog

    def enqueue(self, metrics_data: MetricsData, stream: str | None = "") -> None:
        """Queue a batch. Returns at once; what becomes of it is in the log and in ``stats``.

        ``stream`` is the pipeline that it comes from: a series has left when the next batch of
        the same stream has its scope without it. None: no series leaves by this batch.
        """
        if self._put(metrics_data, stream, tracked=False) is None:
            _log.warning("a batch came after the shutdown and is not sent", exporter=self.name)

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: Any
    ) -> MetricExportResult:
        """Queue a batch and wait for the endpoint's answer.

        FAILURE says that the batch was refused, or not taken in time; it stays queued then and
        is still offered, unless it was refused for good.
        """
        deadline = Deadline(timeout_millis / 1000)
        tickets = self._put(metrics_data)
        if tickets is None:
            return MetricExportResult.FAILURE
        for ticket in tickets:
            if ticket.wait(deadline.left()) is not Outcome.DELIVERED:
                return MetricExportResult.FAILURE
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Wait for the queue to be empty; false where it is not, in time."""
        return self._queue.drain(timeout_millis / 1000)

    def shutdown(self, timeout_millis: float = 30_000, **keywords: Any) -> None:
        """Send what is queued for so long at most, and stop. The SDK calls the time ``timeout``.

        Whatever is lost then is logged. A second call does nothing.
        """
        if self._is_shut_down:
            return
        self._is_shut_down = True
        self._queue.close(keywords.get("timeout", timeout_millis) / 1000)
        self._client.close()

    @property
    def name(self) -> str:
        return self._name

    def stats(self) -> Stats:
        """What was accepted, delivered, dropped and waits, in samples; how the clocks differ."""
        return self._queue.stats()._replace(skew=self._client.skew, capacity=self._capacity)

    def own_metrics(self) -> MetricsData:
        """How the queue stands, under the names that the Collector has for it."""
        metrics = queue_metrics(
            self.stats(),
            self.name,
            has_spool=self._has_spool,
            now=self._clock.time(),
            oldest_pending=self.oldest_pending,
        )
        return own_batch("otel_kubecost.exporters.sending", metrics)

    @property
    def has_room(self) -> bool:
        """Whether the batches of another mark would push out nothing that waits."""
        return self._queue.has_room

    @property
    def queue_id(self) -> str:
        """Of the spool; another one where it may lack what was put into it. Empty without one."""
        return self._queue.id

    @property
    def oldest_perishing(self) -> float | None:
        """As ``oldest_pending``, of what would be lost with the process."""
        return self._queue.oldest_perishing

    @property
    def partly_stored(self) -> int:
        """Samples of requests of which the endpoint refused a part and stored the rest."""
        return self._queue.partly_stored

    @property
    def oldest_pending(self) -> float | None:
        """In seconds since the epoch; None where nothing waits for its answer."""
        return self._queue.oldest_pending

    def _put(
        self, metrics_data: MetricsData, stream: str | None = "", *, tracked: bool = True
    ) -> list[Ticket] | None:
        """None after the shutdown."""
        with self._lock:  # batches become requests and are queued in one order
            if self._is_shut_down:
                return None
            requests = self._requests(metrics_data, stream)
            if is_scraped(metrics_data):
                requests = self._as_they_come(requests)
            return self._queue.put_all(requests, tracked=tracked)

    def _as_they_come(self, requests: Iterable[R]) -> Iterator[R]:
        """As new as any before: targets give samples times of their own, which may be older.

        The queue is in the order of time. What was scraped last has to stay behind what came
        before it, where their series are the same.
        """
        for request in requests:
            self._reached = max(self._reached, request.newest)
            is_behind = 0 < request.newest < self._reached
            yield _as_new_as(self._reached, request) if is_behind else request


def _as_new_as(newest: int, request: R) -> R:
    return replace(request, newest=newest)  # type: ignore[type-var]  # requests are dataclasses


E = TypeVar("E", bound=SendingExporter[Any])


def configured(make: Callable[..., E], options: SendingOptions, settings: Settings) -> E:
    """What ``make`` makes of a component's part of a configuration; its own metrics are known."""
    named = options.model_copy(update={"name": options.name or str(settings.id)})
    spool = settings.queue(options.storage, options.account)
    exporter = make(named, clock=settings.clock, spool=spool)
    settings.own_metrics.register(str(settings.id), exporter.own_metrics)
    return exporter
