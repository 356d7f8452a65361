"""``DebugExporter``: prints batches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.config.problems import build_options
from otel_kubecost.exporters.debug.config import DebugOptions, Verbosity
from otel_kubecost.exporters.debug.detailed import in_full
from otel_kubecost.exporters.debug.normal import in_short
from otel_kubecost.exporters.debug.sampling import Sampling
from otel_kubecost.pdata import count_points, each_metric
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_MORE: Mapping[Verbosity, Callable[[MetricsData], Iterable[str]]] = {
    "basic": lambda _: (),
    "normal": in_short,
    "detailed": in_full,
}


class DebugExporter(MetricExporter):
    """An SDK exporter that prints how much a batch has, and with more ``verbosity`` what it has.

    The format is for people, and may change.

    >>> exporter = DebugExporter(verbosity="detailed")
    """

    takes_summaries = True

    def __init__(
        self,
        options: DebugOptions | None = None,
        /,
        *,
        clock: Clock | None = None,
        **keywords: Any,
    ) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        super().__init__()
        self._options = options or build_options(DebugOptions, keywords)
        self._clock = clock or SystemClock()
        self._sampling = Sampling(self._options.sampling_initial, self._options.sampling_thereafter)
        self._closed = False

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002  the SDK's signature
        **kwargs: Any,  # noqa: ARG002  the SDK's signature
    ) -> MetricExportResult:
        if self._closed:
            return MetricExportResult.FAILURE
        if self._sampling.takes(self._clock.time()):
            self._print(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002  the SDK's signature
        return True

    def shutdown(
        self,
        timeout_millis: float = 30_000,  # noqa: ARG002  the SDK's signature
        **kwargs: Any,  # noqa: ARG002  the SDK's signature
    ) -> None:
        """Print nothing more."""
        self._closed = True

    def _print(self, data: MetricsData) -> None:
        counts = {
            "resources": len(data.resource_metrics),
            "metrics": sum(1 for _ in each_metric(data)),
            "data_points": count_points(data),
        }
        resources, metrics, points = counts.values()
        summary = f"Metrics: {resources} resources, {metrics} metrics, {points} data points"
        more = _MORE[self._options.verbosity](data)
        if self._options.use_internal_logger:
            _log.info(summary, **counts)
            for text in more:
                _log.info(text)
        else:
            _write(chain([summary], more))


def _write(texts: Iterable[str]) -> None:
    sys.stdout.writelines(f"{_printable(text)}\n" for text in texts)
    sys.stdout.flush()


def _printable(text: str) -> str:
    """What standard output has no letters for is written as in Python, and costs no batch."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
