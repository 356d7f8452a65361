"""The exporter: batches in, remote write requests out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from opentelemetry.exporter.prometheus_remote_write import PrometheusRemoteWriteMetricsExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExportResult,
    MetricsData,
)
from opentelemetry.sdk.metrics.view import Aggregation

from otel_kubecost.clock import Clock, Deadline, SystemClock
from otel_kubecost.config.environment import environment
from otel_kubecost.config.problems import build_options
from otel_kubecost.exporters.prometheus_remote_write.client import RemoteWriteClient
from otel_kubecost.exporters.prometheus_remote_write.codec import (
    Request,
    encode,
    encode_metadata,
)
from otel_kubecost.exporters.prometheus_remote_write.codec_v2 import encode_v2
from otel_kubecost.exporters.prometheus_remote_write.config import (
    PrometheusRemoteWriteOptions,
    options_from_environment,
)
from otel_kubecost.exporters.prometheus_remote_write.own_metrics import About, queue_metrics
from otel_kubecost.exporters.prometheus_remote_write.queueing import queue_for, shown_name
from otel_kubecost.exporters.prometheus_remote_write.staleness import StaleMarkers
from otel_kubecost.exporters.sending.backlog import Backlog
from otel_kubecost.exporters.sending.entry import Outcome, Ticket
from otel_kubecost.exporters.sending.stats import Stats
from otel_kubecost.exporters.series.merge import flatten
from otel_kubecost.exporters.series.model import Family, ScopeFamilies
from otel_kubecost.exporters.series.relabel import relabel_scopes
from otel_kubecost.exporters.series.translate import Translation, Translator
from otel_kubecost.http.config import shown_url
from otel_kubecost.storage import StorageQueue
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_HANDOVER_PATIENCE = 1.0
"""Seconds that a request in flight has for its answer before a successor sends it again."""


class Estate(NamedTuple):
    """What an exporter leaves to its successor."""

    backlog: Backlog[Request]
    markers: StaleMarkers
    translation: Translation
    translator: Translator
    """With the totals of deltas; they are kept by labels that ``translation`` makes."""


class PrometheusRemoteWriteExporter(PrometheusRemoteWriteMetricsExporter):
    """Writes metrics to a Prometheus remote write endpoint, and does not lose them on the way.

    It is an SDK ``MetricExporter``, and a ``PrometheusRemoteWriteMetricsExporter`` to whoever
    asks; of the latter it has the constructor's attributes alone. Translation, encoding and
    transport are this package's.

    Requests wait in a queue, in memory or in a spool on the disk, and are sent oldest first until
    the endpoint took them. ``enqueue`` is for a pipeline and returns at once; ``export`` is for the
    SDK and waits for the answer. Safe to use from several threads.
    """

    def __init__(
        self,
        options: PrometheusRemoteWriteOptions | None = None,
        /,
        *,
        clock: Clock | None = None,
        spool: StorageQueue | None = None,
        preferred_temporality: dict[type, AggregationTemporality] | None = None,
        preferred_aggregation: dict[type, Aggregation] | None = None,
        **keywords: Any,
    ) -> None:
        """``keywords`` are the options, written out; without either the environment gives them.

        ``spool`` keeps what waits: what the option ``storage`` stands for in a file.
        Raises ConfigError. Opens nothing and starts nothing.
        """
        options = options or _options(keywords)
        super().__init__(
            endpoint=options.endpoint,
            headers=dict(options.headers),
            timeout=options.timeout,  # type: ignore[arg-type]  # any number will do
            resources_as_labels=False,
            preferred_temporality=preferred_temporality or {},
            preferred_aggregation=preferred_aggregation or {},
        )
        self._options = options
        self._clock = clock or SystemClock()
        self._client = RemoteWriteClient(options, self._clock)
        self._queue = queue_for(options, self._client, spool, self._clock)
        self._about = About(
            self.name,
            shown_url(options.endpoint),
            options.queue_config.max_samples_per_send,
            has_spool=spool is not None,
        )
        self._translator = Translator(options.translation)
        self._markers = StaleMarkers()
        self._metadata_due = 0.0
        self._lock = threading.Lock()
        self._is_shut_down = False

    def start(self) -> None:
        """Start the sending thread, which the first batch would start otherwise."""
        self._queue.start()

    def adopt(self, predecessor: PrometheusRemoteWriteExporter) -> None:
        """Go on where ``predecessor`` stopped, which is shut down by this and sends no more.

        What waits there comes first here, its samples count in ``stats`` here, and whoever waits
        for it in ``export`` hears what becomes of it. Series that this exporter's options no
        longer make end with its next batch. What is of another account is not taken over. To be
        called before the first batch.
        """
        if predecessor._options.account != self._options.account:
            predecessor.shutdown(timeout_millis=_HANDOVER_PATIENCE * 1000)
            return
        estate = predecessor.release()
        pending = estate.backlog.stats().pending
        left = self._queue.adopt(estate.backlog)
        if left:
            hint = "configure that storage again to have them sent"
            _log.warning(f"{left} samples stay where they were", exporter=self.name, hint=hint)
        self._markers = estate.markers
        self._markers.outlive()
        if estate.translation == self._options.translation:
            self._translator = estate.translator
        if pending and not left:
            _log.info(f"Took over {pending} samples", exporter=self.name, pending=pending)

    def release(self) -> Estate:
        """Shut down without sending what waits, and give it away. Takes a second at most."""
        with self._lock:
            self._is_shut_down = True
            backlog = self._queue.release(_HANDOVER_PATIENCE)
        self._client.close()
        return Estate(backlog, self._markers, self._options.translation, self._translator)

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

    def translate(self, metrics_data: MetricsData) -> list[Family]:
        """The families of a batch as they would be written; changes and sends nothing."""
        scopes = Translator(self._options.translation).by_scope(metrics_data)
        return flatten(relabel_scopes(scopes, self._options.write_relabel_configs))

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
        return shown_name(self._options)

    def stats(self) -> Stats:
        """What was accepted, delivered, dropped and waits, in samples; how the clocks differ."""
        capacity = self._options.queue_config.capacity
        return self._queue.stats()._replace(skew=self._client.skew, capacity=capacity)

    def own_metrics(self) -> MetricsData:
        """How the queue stands, under the names that Prometheus and the Collector have for it."""
        now, oldest = self._clock.time(), self.oldest_pending
        return queue_metrics(self.stats(), self._about, now=now, oldest_pending=oldest)

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
        """Samples of requests of which the endpoint refused a part (409) and stored the rest."""
        return self._queue.partly_stored

    @property
    def oldest_pending(self) -> float | None:
        """In seconds since the epoch; None where nothing waits for its answer."""
        return self._queue.oldest_pending

    def _put(
        self, metrics_data: MetricsData, stream: str | None = "", *, tracked: bool = True
    ) -> list[Ticket] | None:
        """None after the shutdown."""
        with self._lock:  # batches are translated and queued in one order
            if self._is_shut_down:
                return None
            return self._queue.put_all(self._requests(metrics_data, stream), tracked=tracked)

    def _requests(self, metrics_data: MetricsData, stream: str | None) -> Iterator[Request]:
        scopes = self._translator.by_scope(metrics_data)
        scopes = relabel_scopes(scopes, self._options.write_relabel_configs)
        families = [family for scope in scopes for family in scope.families]
        in_v2 = self._client.speaks_v2
        if not in_v2:
            yield from self._metadata(families)
        limit = self._options.queue_config.max_samples_per_send
        write = encode_v2 if in_v2 else encode
        max_bytes = self._options.max_batch_size_bytes
        yield from write(families, limit, max_bytes, exemplars=self._options.send_exemplars)
        if self._options.stale_markers and stream is not None:
            # Apart: another agent's samples may be newer than all of these, and not than a marker.
            markers = self._markers.departed([_of_stream(stream, scope) for scope in scopes])
            yield from write(markers, limit, max_bytes)

    def _metadata(self, families: list[Family]) -> Iterator[Request]:
        """Best effort: it is repeated, and samples in the queue come first."""
        config, now = self._options.metadata_config, self._clock.monotonic()
        if config.send and now >= self._metadata_due and self._queue.idle:
            self._metadata_due = now + config.send_interval
            distinct = list({family.name: family for family in families}.values())
            max_bytes = self._options.max_batch_size_bytes
            yield from encode_metadata(distinct, config.max_samples_per_send, max_bytes)


def _of_stream(stream: str, scope: ScopeFamilies) -> ScopeFamilies:
    return scope._replace(origin=(stream, *scope.origin))


def _options(keywords: dict[str, Any]) -> PrometheusRemoteWriteOptions:
    if keywords:
        return build_options(PrometheusRemoteWriteOptions, keywords)
    return options_from_environment(environment())
