"""``OtlpJsonFileExporter``: batches as lines in a file."""

from __future__ import annotations

import errno
import threading
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.config.problems import build_options
from otel_kubecost.exporters.otlp_json_file.config import OtlpJsonFileOptions
from otel_kubecost.exporters.otlp_json_file.line_file import LineFile
from otel_kubecost.exporters.otlp_json_file.lines import lines
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class OtlpJsonFileExporter(MetricExporter):
    """An SDK exporter that appends to a file, for a Collector to read where there is a network.

    ``export`` says SUCCESS when the batch is on the disk. After FAILURE lines of the batch may be
    there; offered again, they stand there twice, with their time. Batches of any size are
    written line by line. Opens the file with ``start``, or else with the first batch.

    >>> exporter = OtlpJsonFileExporter(path="/var/lib/otel-kubecost/metrics.json")
    """

    takes_summaries = True

    def __init__(
        self,
        options: OtlpJsonFileOptions | None = None,
        /,
        *,
        clock: Clock | None = None,
        **keywords: Any,
    ) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        super().__init__()
        options = options or build_options(OtlpJsonFileOptions, keywords)
        self._file = LineFile(options.path, options.rotation, (clock or SystemClock()).time)
        self._lock = threading.Lock()
        self._fault = ""
        self._closed = False

    def start(self) -> None:
        """Have the file for this process alone, unless that is so.

        Raises OSError, with a sentence, where another process has it: EAGAIN. A disk that is full
        or cannot be written to is said, and tried again with each batch.
        """
        with self._lock:
            try:
                self._file.open()
            except OSError as fault:
                if fault.errno == errno.EAGAIN:
                    raise
                self._say(fault)

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002  the SDK's signature
        **kwargs: Any,  # noqa: ARG002  the SDK's signature
    ) -> MetricExportResult:
        with self._lock:
            if self._closed:
                return MetricExportResult.FAILURE
            try:
                self._file.append(lines(metrics_data))
            except OSError as fault:
                self._say(fault)
                return MetricExportResult.FAILURE
            self._fault = ""
            return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002  the SDK's signature
        return True

    def shutdown(
        self,
        timeout_millis: float = 30_000,  # noqa: ARG002  the SDK's signature
        **kwargs: Any,  # noqa: ARG002  the SDK's signature
    ) -> None:
        """Leave the file to others. Harmless without ``start``, and twice."""
        with self._lock:
            self._closed = True
            self._file.close()

    def _say(self, fault: OSError) -> None:
        """Once, as long as it is the same."""
        sentence = fault.strerror or str(fault)
        if sentence != self._fault:
            hint = "batches that are not written come again where the receiver has history"
            _log.error(sentence, hint=hint)
        self._fault = sentence
