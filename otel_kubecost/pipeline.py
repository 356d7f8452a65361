"""A pipeline: receivers, then processors in their order, then every exporter.

Each receiver has a thread that calls it at the marks of its ``emit_interval``. A batch goes through
the processors on that thread and is then handed to each exporter alone: what one of them does, or
fails to do, never reaches another.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

from otel_kubecost.clock import Clock, Deadline, SystemClock, floor_mark
from otel_kubecost.component import Exporter, Processor, QueuedExporter, Receiver, Startable
from otel_kubecost.export_thread import ExportThread, export
from otel_kubecost.pdata import count_points
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

PATIENCE = 0.5
"""The part of an interval that a mark waits for a source that is slow to answer."""


class Pipeline:
    """Receivers, processors, exporters, joined.

    >>> Pipeline(receiver, [CardinalityLimit(top_n_pods=50)], [exporter]).run_once()
    """

    def __init__(
        self,
        receivers: Receiver | Sequence[Receiver],
        processors: Sequence[Processor],
        exporters: Sequence[Exporter],
        *,
        clock: Clock | None = None,
    ) -> None:
        self.receivers = list(receivers) if isinstance(receivers, Sequence) else [receivers]
        self._processors = list(processors)
        self.exporters = list(exporters)
        self._clock = clock or SystemClock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._export_threads: list[ExportThread] = []

    def collect(self) -> Iterator[MetricsData]:
        """The batches of the present mark after all processors. Exports nothing."""
        for receiver in self.receivers:
            mark = floor_mark(self._clock.time(), receiver.emit_interval)
            yield from map(self._process, receiver.collect(mark))

    def run_once(self) -> list[MetricExportResult]:
        """One cycle in the caller's thread: scrape, process, export and wait for each exporter.

        Gives one result an exporter, in their order; FAILURE also where it raised. A source that
        fails is no failure here: the metric ``..._exporter_scrape_success`` says it.
        """
        batches = list(self.collect())
        results = []
        for exporter in self.exporters:
            taken = [export(exporter, batch) for batch in batches]
            results.append(MetricExportResult.SUCCESS if all(taken) else MetricExportResult.FAILURE)
        return results

    def start(self) -> None:
        """Start all components and return. Raises what a component raises that cannot start."""
        try:
            for component in (*self.exporters, *self.receivers):
                if isinstance(component, Startable):
                    component.start()
        except BaseException:
            self.shutdown(timeout_millis=0)
            raise
        self._export_threads = [
            ExportThread(one) for one in self.exporters if not isinstance(one, QueuedExporter)
        ]
        for receiver in self.receivers:
            thread = threading.Thread(target=self._run, args=(receiver,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop_receiving(self, timeout_millis: float = 30_000) -> None:
        """Stop the receivers; what they gave is exported still."""
        deadline = Deadline(timeout_millis / 1000)
        self._stop.set()
        for receiver in self.receivers:
            receiver.shutdown(timeout_millis=deadline.left_millis())
        for thread in self._threads:
            thread.join(deadline.left())

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Stop the receivers, then let every exporter send what it has, within the time given."""
        deadline = Deadline(timeout_millis / 1000)
        self.stop_receiving(timeout_millis)
        for thread in self._export_threads:
            thread.close(deadline.left_millis())
        for exporter in self.exporters:
            _shutdown(exporter, deadline.left_millis())

    def _run(self, receiver: Receiver) -> None:
        interval = receiver.emit_interval
        mark = floor_mark(self._clock.time(), interval)
        while not self._stop.is_set():
            self._cycle(receiver, mark)
            self._wait_until(mark + interval)
            # Marks that went by meanwhile are skipped: only the latest is the present.
            mark = max(mark + interval, floor_mark(self._clock.time(), interval))

    def _wait_until(self, moment: float) -> None:
        # A wait may end a moment early, and a sample must never be ahead of the clock.
        while (left := moment - self._clock.time()) > 0:
            if self._clock.wait(self._stop, left):
                return

    def _cycle(self, receiver: Receiver, mark: float) -> None:
        exported = 0
        try:
            for batch in receiver.collect(mark, receiver.emit_interval * PATIENCE):
                processed = self._process(batch)
                exported += count_points(processed)
                self._hand_on(processed)
        except Exception:  # noqa: BLE001  one cycle may fail, the next one must come
            _log.exception("A cycle of the pipeline failed; the next one comes at its mark")
            return
        _log.info(f"Exported {exported} metrics", mark=mark)

    def _process(self, batch: MetricsData) -> MetricsData:
        for processor in self._processors:
            batch = processor(batch)
        return batch

    def _hand_on(self, batch: MetricsData) -> None:
        for exporter in self.exporters:
            if isinstance(exporter, QueuedExporter):
                try:
                    exporter.enqueue(batch)
                except Exception:  # noqa: BLE001  the other exporters still get their batch
                    _log.exception("An exporter did not take a batch", exporter=_name(exporter))
        for thread in self._export_threads:
            thread.put(batch)


def _shutdown(exporter: Exporter, timeout_millis: float) -> None:
    try:
        exporter.shutdown(timeout_millis=timeout_millis)
    except Exception:  # noqa: BLE001  the other exporters still have to flush
        _log.exception("An exporter did not shut down cleanly", exporter=_name(exporter))


def _name(exporter: Exporter) -> str:
    return type(exporter).__name__
