"""``PrometheusExporter``: keeps the newest metrics of each scope and serves them."""

from __future__ import annotations

import threading
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from otel_kubecost.config.problems import build_options
from otel_kubecost.exporters.prometheus.config import Address, PrometheusExporterOptions
from otel_kubecost.exporters.prometheus.page import Page
from otel_kubecost.exporters.prometheus.server import MetricsServer
from otel_kubecost.exporters.series.model import ScopeFamilies
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.own_metrics import OwnMetrics
from otel_kubecost.telemetry import get_logger

_TARGETS_STAY = 300_000
"""Milliseconds, as long as PromQL looks back for a sample. Targets come when they are scraped."""

_log = get_logger(__name__)


class PrometheusExporter(MetricExporter):
    """An SDK exporter that is scraped: ``/metrics`` is the last good snapshot.

    A batch replaces what its scopes had before in its stream; other scopes keep theirs, and a
    scope that comes empty loses its series. A series that several bring is on the page once. A
    scrape never asks a receiver for anything. Without ``start`` batches are kept and not served.

    Beside them are ``own_metrics``, as they are at the moment of the scrape.

    >>> exporter = PrometheusExporter(endpoint="127.0.0.1:9103")
    """

    present_only = True
    """A page has no past: it gets no batch of marks that were missed."""
    oldest_pending = None
    """Nothing waits here: a batch is on the page at once."""

    def __init__(
        self,
        options: PrometheusExporterOptions | None = None,
        /,
        *,
        own_metrics: OwnMetrics | None = None,
        **keywords: Any,
    ) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        super().__init__()
        self._options = options or build_options(PrometheusExporterOptions, keywords)
        self._own_metrics = own_metrics or OwnMetrics()
        self._translator = Translator()
        self._scopes: dict[tuple[str, ...], ScopeFamilies] = {}
        self._inherited: dict[tuple[str, ...], ScopeFamilies] = {}
        self._first = 0
        self._page = self._page_with([])
        self._lock = threading.Lock()
        self._server: MetricsServer | None = None
        self._closed = False

    @property
    def address(self) -> Address:
        """Where the page is served; as configured as long as it is not."""
        return self._server.address if self._server else self._options.address

    def start(self) -> None:
        """Serve the page. Raises OSError where the port is in use or must not be used."""
        if self._server is None:
            self._server = MetricsServer(self._options.address, lambda: self._page)
            _log.info(f"Serving metrics at http://{self.address.host}:{self.address.port}/metrics")

    def adopt(self, predecessor: PrometheusExporter) -> None:
        """Serve what ``predecessor`` served, until this exporter's batches take its place.

        What is not renewed at the first mark is gone at the second, and a target that does not
        come for five minutes. The port stays open where it is the same.
        """
        with predecessor._lock:
            predecessor._closed = True
            server, predecessor._server = predecessor._server, None
            self._inherited = {**predecessor._inherited, **predecessor._scopes}
        self._page = self._page_with(list(self._inherited.values()))
        if server and predecessor._options == self._options:
            server.serve(lambda: self._page)
            self._server = server
        elif server:
            server.close()

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,  # noqa: ARG002  the SDK's signature
        **kwargs: Any,  # noqa: ARG002  the SDK's signature
    ) -> MetricExportResult:
        if self._closed:
            return MetricExportResult.FAILURE
        self.enqueue(metrics_data)
        return MetricExportResult.SUCCESS

    def enqueue(self, metrics_data: MetricsData, stream: str | None = "") -> None:
        """Take a batch; the next scrape sees it. ``stream`` is the pipeline that it comes from."""
        with self._lock:
            for scope in self._translator.by_scope(metrics_data):
                self._take(scope._replace(origin=(stream or "", *scope.origin)))
            self._page = self._page_with([*self._inherited.values(), *self._scopes.values()])

    def _page_with(self, scopes: list[ScopeFamilies]) -> Page:
        return Page(scopes, lambda: Translator().by_scope(self._own_metrics.collect()))

    def _take(self, scope: ScopeFamilies) -> None:
        self._first = self._first or scope.time
        self._inherited.pop(scope.origin, None)
        self._inherited = {
            origin: known
            for origin, known in self._inherited.items()
            if scope.time <= (known.time + _TARGETS_STAY if known.is_target else self._first)
        }
        if scope.families:
            self._scopes[scope.origin] = scope
        else:
            self._scopes.pop(scope.origin, None)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:  # noqa: ARG002  the SDK's signature
        return True

    def shutdown(
        self,
        timeout_millis: float = 30_000,  # noqa: ARG002  the SDK's signature
        **kwargs: Any,  # noqa: ARG002  the SDK's signature
    ) -> None:
        """Stop serving. Harmless without ``start``, and twice."""
        self._closed = True
        server, self._server = self._server, None
        if server:
            server.close()
