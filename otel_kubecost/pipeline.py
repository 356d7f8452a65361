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

GRACE = 1.0
"""Seconds that an exporter has beyond its time to come back from its shutdown."""
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
        name: str = "",
        clock: Clock | None = None,
    ) -> None:
        """``name`` tells pipelines apart that share an exporter."""
        self.receivers = list(receivers) if isinstance(receivers, Sequence) else [receivers]
        self._processors = list(processors)
        self.exporters = list(exporters)
        self._name = name
        self._clock = clock or SystemClock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._export_threads: dict[int, ExportThread] = {}

    def collect(self) -> Iterator[MetricsData]:
        """The batches of the present mark after all processors. Exports nothing."""
        for receiver in self.receivers:
            mark = floor_mark(self._clock.time(), receiver.emit_interval)
            yield from map(self._process, receiver.collect(mark))

    def run_once(self) -> list[MetricExportResult]:
        """One cycle: scrape where it is due, process, export, and wait for each exporter.

        Gives one result an exporter, in their order; FAILURE also where it raised. A source that
        fails is no exporter's failure: see ``receivers[0].failure``, and the log.
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
        self._export_threads = {
            id(one): ExportThread(one)
            for one in self.exporters
            if not isinstance(one, QueuedExporter)
        }
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
        ends = [
            threading.Thread(target=self._end, args=(one, deadline), daemon=True)
            for one in self.exporters
        ]
        for end in ends:
            end.start()
        for end in ends:
            end.join(deadline.left() + GRACE)

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
                exported += self._pass_on(batch)
        except Exception:  # noqa: BLE001  one cycle may fail, the next one must come
            _log.exception("A cycle of the pipeline failed; the next one comes at its mark")
            return
        _log.info(f"Exported {exported} metrics", mark=round(mark))

    def _pass_on(self, batch: MetricsData) -> int:
        """Process a batch and hand it to every exporter; gives its points."""
        try:
            processed = self._process(batch)
        except Exception:  # noqa: BLE001  the mark's other batches still go their way
            _log.exception("A processor failed; its batch is lost")
            return 0
        for exporter in self.exporters:
            if isinstance(exporter, QueuedExporter):
                self._enqueue(exporter, processed)
        for thread in self._export_threads.values():
            thread.put(processed)
        return count_points(processed)

    def _process(self, batch: MetricsData) -> MetricsData:
        for processor in self._processors:
            batch = processor(batch)
        return batch

    def _enqueue(self, exporter: QueuedExporter, batch: MetricsData) -> None:
        try:
            exporter.enqueue(batch, self._name)
        except Exception:  # noqa: BLE001  the other exporters still get their batch
            _log.exception("An exporter did not take a batch", exporter=type(exporter).__name__)

    def _end(self, exporter: Exporter, deadline: Deadline) -> None:
        """Let one exporter finish; each has the whole time, beside the others."""
        thread = self._export_threads.get(id(exporter))
        try:
            if thread:
                thread.close(deadline.left_millis())
            exporter.shutdown(timeout_millis=deadline.left_millis())
        except Exception:  # noqa: BLE001  foreign code, and the end of it
            name = type(exporter).__name__
            _log.exception("An exporter did not shut down cleanly", exporter=name)
