"""The way from one receiver, through the processors, to every exporter of a pipeline."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.clock import Clock, floor_mark
from otel_kubecost.component import Gathering, Historical, Processor, Receiver, Tap
from otel_kubecost.errors import RetryableError
from otel_kubecost.exported import Exported
from otel_kubecost.live import Live, processed
from otel_kubecost.outlet import Outlet
from otel_kubecost.pdata import count_points
from otel_kubecost.reader import Reader
from otel_kubecost.refusals import Refusals
from otel_kubecost.replay import Step
from otel_kubecost.telemetry import get_logger
from otel_kubecost.watch import Watch

_log = get_logger(__name__)

PATIENCE = 0.5
"""The part of an interval that a mark waits for a source that is slow to answer."""
_LOOK_EVERY = 0.02
"""Real seconds between two looks at exporters that have not settled what they have."""
_LONGEST_WAIT = 60.0
"""Seconds after which a wait looks at the clock again, which somebody may have set."""
SUMMED_UP = 60.0
"""Seconds between two lines on what was exported, where the marks are no occasions themselves."""
_REPORT_EVERY = 1.0
"""Seconds between two reports of what has arrived, while earlier marks are sent.

After a kill the marks since the last one come again, the same to the byte.
"""


class Feed:
    """One receiver of a pipeline: what it gives, and what of it was missed.

    Exporters that take history are readers of a receiver that has one; all others get the present
    alone. What one reader waits for does not hold up another.
    """

    def __init__(  # noqa: PLR0913  what a pipeline consists of, each by name
        self,
        receiver: Receiver,
        processors: Sequence[Processor],
        outlets: Sequence[Outlet],
        *,
        pipeline: str,
        clock: Clock,
        stop: threading.Event,
        silent: threading.Event,
    ) -> None:
        """``stop`` ends the marks; ``silent`` is set when the receiver was shut down after that."""
        self.receiver = receiver
        self._processors = processors
        self._stream = pipeline
        self._clock = clock
        self._watch = Watch(clock, receiver.emit_interval)
        self._stop = stop
        self._silent = silent
        self._tap: Tap | None = None
        self._exported = Exported(SUMMED_UP if isinstance(receiver, Gathering) else 0.0)
        self._reported = 0.0
        self._readers = self._readers_among(outlets)
        self._present = [outlet for outlet in outlets if outlet.name not in self._readers]
        self._refusals = Refusals(pipeline, has_history=bool(self._readers))

    def _readers_among(self, outlets: Sequence[Outlet]) -> Mapping[str, Reader]:
        receiver = self.receiver
        if not isinstance(receiver, Historical):
            return {}
        return {
            outlet.name: Reader(
                f"{self._stream}/{outlet.name}",
                receiver,
                outlet,
                process=self._attempt,
                stream=self._stream,
                clock=self._clock,
            )
            for outlet in outlets
            if outlet.takes_history
        }

    @property
    def readers(self) -> Sequence[Reader]:
        return list(self._readers.values())

    def adopt(self, predecessor: Feed) -> None:
        """Go on where the feed of an earlier configuration stopped, reader by reader."""
        for name, reader in self._readers.items():
            if name in predecessor._readers:
                reader.adopt(predecessor._readers[name])
        self._refusals.adopt(predecessor._refusals)

    def open(self) -> None:
        """Miss nothing of a receiver that gathers, from its start on."""
        if isinstance(self.receiver, Gathering) and self._tap is None:
            self._tap = self.receiver.tap()

    def close(self) -> None:
        """Have nothing gathered any more."""
        if self._tap:
            self._tap.close()

    def run(self) -> None:
        """Serve mark after mark until told to stop, and then what was gathered since the last."""
        mark = floor_mark(self._watch.time(), self.receiver.emit_interval)
        while not self._stop.is_set():
            self._cycle(mark)
            mark = self._next_mark(mark)
        if self._tap:
            self._silent.wait()
            mark = floor_mark(self._watch.time(), self.receiver.emit_interval)
            self._cycle(mark)
            self._exported.end(mark)

    def collect(self) -> Iterator[MetricsData]:
        """The batches of the present mark after all processors. Raises what these raise."""
        mark = floor_mark(self._clock.time(), self.receiver.emit_interval)
        return map(self._process, self.receiver.collect(mark))

    def run_once(self) -> set[Outlet]:
        """The present mark and what was missed before it; gives the exporters that took not all.

        An exporter cannot take what a processor refused.
        """
        mark = floor_mark(self._clock.time(), self.receiver.emit_interval)
        live = processed(self.receiver, mark, self.receiver.collect(mark), self._process)
        taken = {one: all(map(one.export, live.batches)) for one in self._present}
        taken |= {one.outlet: one.catch_up(live) for one in self._readers.values()}
        self._refusals.end_mark()
        self.report()
        return {one for one, is_taken in taken.items() if live.is_refused or not is_taken}

    def report(self) -> None:
        """Tell the receiver what has arrived for good."""
        self._reported = self._clock.monotonic()
        for reader in self._readers.values():
            reader.report()

    def _next_mark(self, mark: float) -> float:
        """Wait for the mark after ``mark``, or for the stop.

        Marks that went by meanwhile are the past: only the latest is the present. It is earlier
        than ``mark`` where the clock was set back.
        """
        interval = self.receiver.emit_interval
        due = mark + interval
        # A wait may end a moment early, and a sample must never be ahead of the clock.
        while (left := due - self._watch.time()) > 0:
            was_set_back = left > 2 * interval
            if was_set_back or self._clock.wait(self._stop, min(left, interval, _LONGEST_WAIT)):
                break
        earliest = due if left <= interval else 0.0
        return max(earliest, floor_mark(self._watch.time(), interval))

    def _cycle(self, mark: float) -> None:
        try:
            self._serve(self._collected(mark))
        except Exception:  # noqa: BLE001  one cycle may fail, the next one must come
            _log.exception("A cycle of the pipeline failed; the next one comes at its mark")
        self._refusals.end_mark()

    def _collected(self, mark: float) -> Live:
        giving = self._tap or self.receiver
        collected = giving.collect(mark, self.receiver.emit_interval * PATIENCE)
        return processed(self.receiver, mark, collected, self._attempt)

    def _serve(self, live: Live) -> None:
        for outlet in self._present:
            for batch in live.batches:
                outlet.put(batch, live.mark, self._stream)
        at_once = [self._begin(reader, live) for reader in self._readers.values()]
        if live.batches and (self._present or any(at_once)):
            self._exported.add(sum(map(count_points, live.batches)), live.mark)
        self._go_on(live)
        if not self._stop.is_set():
            self.report()

    def _go_on(self, live: Live) -> None:
        """Send what is earlier than the present, until there is no more or the next mark comes.

        What is left of a gap then is a gap of the next mark.
        """
        readers = list(self._readers.values())
        is_present = True
        while readers and is_present and not self._stop.is_set():
            steps = [self._step(reader, live) for reader in readers]
            going_on = zip(readers, steps, strict=True)
            readers = [one for one, step in going_on if step in {Step.WAITING, Step.MOVED}]
            if Step.MOVED not in steps:
                self._stop.wait(_LOOK_EVERY if readers else 0)
            if self._clock.monotonic() - self._reported >= _REPORT_EVERY:
                self.report()
            # Looked at after a step: planning may have taken longer than an interval.
            is_present = abs(self._watch.time() - live.mark) < self.receiver.emit_interval

    def _begin(self, reader: Reader, live: Live) -> bool:
        try:
            return reader.begin(live)
        except Exception:  # noqa: BLE001  a defect in what was may cost neither others nor what is
            _log.exception("What was missed is not known", exporter=reader.outlet.name)
            reader.give_up(live)
            return True

    def _step(self, reader: Reader, live: Live) -> Step:
        try:
            return reader.step(live)
        except Exception:  # noqa: BLE001  the same
            _log.exception("What was missed cannot be sent", exporter=reader.outlet.name)
            reader.give_up(live)
            return Step.DONE

    def _attempt(self, batch: MetricsData) -> MetricsData | None:
        try:
            return self._process(batch)
        except RetryableError:
            raise
        except Exception:  # noqa: BLE001  the mark's other batches still go their way
            _log.exception("A processor failed; its batch is lost")
            return None

    def _process(self, batch: MetricsData) -> MetricsData:
        try:
            for processor in self._processors:
                batch = _processed(processor, batch)
        except RetryableError as error:
            self._refusals.add(error)
            raise
        return batch


def _processed(processor: Processor, batch: MetricsData) -> MetricsData:
    """Whoever forgets to return the batch would lose it without a word."""
    result: object = processor(batch)
    if not isinstance(result, MetricsData):
        name = getattr(processor, "__qualname__", type(processor).__name__)
        raise TypeError(f"{name} returned {type(result).__name__}; a processor returns MetricsData")
    return result
