"""The exporter: batches in, OTLP requests out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExporter, MetricsData
from opentelemetry.sdk.metrics.view import Aggregation

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.config.problems import build_options
from otel_kubecost.exporters.otlp_http.client import OtlpHttpClient
from otel_kubecost.exporters.otlp_http.codec import Request, encode, unpacked
from otel_kubecost.exporters.otlp_http.config import OtlpHttpOptions
from otel_kubecost.exporters.sending.exporter import SendingExporter
from otel_kubecost.storage import StorageQueue


class OtlpHttpExporter(SendingExporter[Request]):
    """Sends metrics to an OTLP receiver, a Collector for one, and does not lose them on the way.

    Names, units, attributes and resources arrive as OpenTelemetry has them.
    """

    def __init__(
        self,
        options: OtlpHttpOptions | None = None,
        /,
        *,
        clock: Clock | None = None,
        spool: StorageQueue | None = None,
        preferred_temporality: dict[type, AggregationTemporality] | None = None,
        preferred_aggregation: dict[type, Aggregation] | None = None,
        **keywords: Any,
    ) -> None:
        """``keywords`` are the options, written out.

        ``spool`` keeps what waits: what the option ``storage`` stands for in a file.
        Raises ConfigError. Opens nothing and starts nothing.
        """
        MetricExporter.__init__(self, preferred_temporality, preferred_aggregation)
        self._options = options or build_options(OtlpHttpOptions, keywords)
        clock = clock or SystemClock()
        self._set_up(self._options, OtlpHttpClient(self._options, clock), unpacked, spool, clock)

    def _requests(self, metrics_data: MetricsData, stream: str | None) -> Iterator[Request]:  # noqa: ARG002  OTLP knows no end of a series
        options = self._options
        return encode(
            metrics_data,
            options.queue_config.max_points_per_send,
            options.max_batch_size_bytes,
            options.compression,
        )
