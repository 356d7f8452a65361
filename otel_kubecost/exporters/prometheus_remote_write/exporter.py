"""The exporter: batches in, remote write requests out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from opentelemetry.exporter.prometheus_remote_write import PrometheusRemoteWriteMetricsExporter
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricsData
from opentelemetry.sdk.metrics.view import Aggregation

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.config.environment import environment
from otel_kubecost.config.problems import build_options
from otel_kubecost.exporters.prometheus_remote_write.client import RemoteWriteClient
from otel_kubecost.exporters.prometheus_remote_write.codec import (
    Request,
    encode,
    encode_metadata,
)
from otel_kubecost.exporters.prometheus_remote_write.codec_v2 import encode_v2, unpacked
from otel_kubecost.exporters.prometheus_remote_write.config import (
    PrometheusRemoteWriteOptions,
    options_from_environment,
)
from otel_kubecost.exporters.prometheus_remote_write.metadata import Metadata
from otel_kubecost.exporters.prometheus_remote_write.own_metrics import About, queue_metrics
from otel_kubecost.exporters.prometheus_remote_write.staleness import StaleMarkers
from otel_kubecost.exporters.sending.exporter import SendingExporter
from otel_kubecost.exporters.series.merge import flatten
from otel_kubecost.exporters.series.model import Family, ScopeFamilies
from otel_kubecost.exporters.series.relabel import relabel_scopes
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.http.config import shown_url
from otel_kubecost.storage import StorageQueue


class PrometheusRemoteWriteExporter(SendingExporter[Request], PrometheusRemoteWriteMetricsExporter):
    """Writes metrics to a Prometheus remote write endpoint, and does not lose them on the way.

    It is an SDK ``MetricExporter``, and a ``PrometheusRemoteWriteMetricsExporter`` to whoever
    asks; of the latter it has the constructor's attributes alone. Translation, encoding and
    transport are this package's.
    """

    _client: RemoteWriteClient

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
        PrometheusRemoteWriteMetricsExporter.__init__(
            self,
            endpoint=options.endpoint,
            headers=dict(options.headers),
            timeout=options.timeout,  # type: ignore[arg-type]  # any number will do
            resources_as_labels=False,
            preferred_temporality=preferred_temporality or {},
            preferred_aggregation=preferred_aggregation or {},
        )
        clock = clock or SystemClock()
        self._options = options
        self._set_up(options, RemoteWriteClient(options, clock), unpacked, spool, clock)
        self._about = About(
            self.name,
            shown_url(options.endpoint),
            options.queue_config.max_samples_per_send,
            has_spool=spool is not None,
        )
        self._translator = Translator(options.translation)
        self._markers = StaleMarkers()
        self._described = Metadata()
        self._metadata_due = 0.0

    def _inherit(self, predecessor: Self) -> None:
        """Series that this exporter's options no longer make end with its next batch."""
        self._markers = predecessor._markers
        self._markers.outlive()
        if predecessor._options.translation == self._options.translation:
            # With the totals of deltas; they are kept by labels that the translation makes.
            self._translator = predecessor._translator

    def translate(self, metrics_data: MetricsData) -> list[Family]:
        """The families of a batch as they would be written; changes and sends nothing."""
        scopes = Translator(self._options.translation).by_scope(metrics_data)
        return flatten(relabel_scopes(scopes, self._options.write_relabel_configs))

    def own_metrics(self) -> MetricsData:
        """How the queue stands, under the names that Prometheus and the Collector have for it."""
        now, oldest = self._clock.time(), self.oldest_pending
        return queue_metrics(self.stats(), self._about, now=now, oldest_pending=oldest)

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
        if config.send:
            self._described.add(families)
        if config.send and now >= self._metadata_due and self._queue.idle:
            self._metadata_due = now + config.send_interval
            max_bytes = self._options.max_batch_size_bytes
            described = self._described.take()
            yield from encode_metadata(described, config.max_samples_per_send, max_bytes)


def _of_stream(stream: str, scope: ScopeFamilies) -> ScopeFamilies:
    return scope._replace(origin=(stream, *scope.origin))


def _options(keywords: dict[str, Any]) -> PrometheusRemoteWriteOptions:
    if keywords:
        # What declarative configuration makes of a variable that is not set, without quotes and in.
        given = {name: value for name, value in keywords.items() if value not in (None, "")}
        return build_options(PrometheusRemoteWriteOptions, given)
    return options_from_environment(environment())
