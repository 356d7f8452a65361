"""What one exporter has of one receiver, and how it gets what it missed.

Marks that were missed go out oldest first, and nothing newer goes to the exporter meanwhile:
receivers of remote write take a series in order, and nothing that is much older than the newest
sample of all (an hour for Thanos and Prometheus).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.clock import Clock
from otel_kubecost.component import Historical, Past
from otel_kubecost.errors import ScrapeError
from otel_kubecost.outlet import Outlet
from otel_kubecost.replay import Process, Replay, Step
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

PROGRESS_SECONDS = 60.0
"""How often a line says how far a gap is filled."""


@dataclass(frozen=True, slots=True)
class Live:
    """What a receiver gave at one mark, processed."""

    mark: float
    batches: Sequence[MetricsData]
    is_complete: bool
    """Whether it has what ``missed`` would give for the mark."""


class Reader:
    """How far one exporter has come with what one receiver gives."""

    def __init__(  # noqa: PLR0913  what lies between the two, each by name
        self,
        name: str,
        receiver: Historical,
        outlet: Outlet,
        *,
        process: Process,
        stream: str,
        clock: Clock,
    ) -> None:
        """By ``name`` the receiver knows the reader again after a restart."""
        self.name = name
        self.receiver = receiver
        self.outlet = outlet
        self.process = process
        self._stream = stream
        self._clock = clock
        self._position: float | None = None
        self._is_new = True
        self._filling: Replay | None = None
        self._sent = 0
        self._said = 0.0
        self._restating: Replay | None = None
        self._restated: float | None = None

    @property
    def position(self) -> float | None:
        """The newest mark up to which the exporter was given all there is; None: not known."""
        if self._is_new:
            self._position, self._is_new = self.receiver.checkpoint(self.name), False
        return self._position

    def adopt(self, predecessor: Reader) -> None:
        """Go on where the reader of an earlier configuration stopped."""
        self._position, self._is_new = predecessor.position, False
        self._restated = predecessor._restated

    def gap(self, mark: float) -> Past | None:
        """What was missed before ``mark`` and can still be had."""
        position = self.position
        return None if position is None else self.receiver.missed(position, mark)

    def begin(self, live: Live) -> bool:
        """Take what is new. False where there is a gap to be filled first: see ``step``."""
        if self.position == live.mark:
            return True  # it was given by the process before this one, with values of its own
        past = self.gap(live.mark)
        if past is None:
            self._put_off()
            self._take(live)
            return True
        if self._filling is None:
            self._sent, self._said = 0, self._clock.monotonic()
            _log.info(f"Filling a gap: {past}", exporter=self._to)
        else:
            self._sent += self._filling.sent
        self._filling = Replay(
            past, self.outlet, self.process, stream=self._stream, after=self._position
        )
        return False

    def step(self, live: Live) -> Step:
        """Go on with the gap, at whose end ``live`` is passed on, or with what was corrected."""
        return self._fill(self._filling, live) if self._filling else self._restate(live.mark)

    def catch_up(self, live: Live) -> bool:
        """Send what was missed and then ``live``, waiting for each; whether all was taken.

        What the exporter could not take yet comes first the next time. Where the source fails,
        the rest waits for its answer.
        """
        taken = True
        past = self.gap(live.mark)
        try:
            for mark, batch in past.batches(self.position) if past else ():
                taken &= self._export(batch)
                self._position = mark
                if not self.outlet.settled(mark):
                    return False
        except ScrapeError:  # the receiver has said so
            return taken
        for batch in live.batches:
            taken &= self.outlet.export(batch)
        self._given(live)
        return taken

    def report(self) -> None:
        """Tell the receiver what has arrived for good."""
        if self._position is None:
            return
        pending, settled = self.outlet.oldest_pending, self._position
        if pending is not None:
            settled = min(settled, pending - self.receiver.emit_interval)
        self.receiver.delivered(settled, self.name)

    def _fill(self, filling: Replay, live: Live) -> Step:
        step = filling.step()
        self._position = filling.last
        if step is Step.MOVED:
            self._say_progress(filling)
        if step is not Step.DONE:
            return step
        self._filling = None
        _log.info(
            f"The gap is filled: {self._sent + filling.sent} marks were sent", exporter=self._to
        )
        self._take(live)
        return Step.MOVED

    def _put_off(self) -> None:
        """The source has been silent for so long that the present does not wait any more."""
        if self._filling:
            self._filling = None
            _log.warning("The rest of the gap is filled when there are answers", exporter=self._to)

    def _restate(self, mark: float) -> Step:
        if self._restating is None:
            past = self.receiver.restated(mark, self._restated)
            if past is None:
                return Step.DONE
            _log.info(f"Sending again what may have been corrected: {past}", exporter=self._to)
            self._restating = Replay(past, self.outlet, self.process, stream=None)
        step = self._restating.step()
        if step is Step.DONE:
            _log.info(f"{self._restating.sent} marks were sent again", exporter=self._to)
            self._restating, self._restated = None, mark
        return step

    def _take(self, live: Live) -> None:
        for batch in live.batches:
            self.outlet.put(batch, live.mark, self._stream)
        self._given(live)

    def _given(self, live: Live) -> None:
        if live.is_complete:
            self._position = live.mark

    def _export(self, batch: MetricsData) -> bool:
        processed = self.process(batch) if batch.resource_metrics else None
        return processed is None or self.outlet.export(processed)

    @property
    def _to(self) -> str:
        return self.outlet.name

    def _say_progress(self, filling: Replay) -> None:
        now = self._clock.monotonic()
        if now - self._said >= PROGRESS_SECONDS:
            self._said = now
            sent, of = self._sent + filling.sent, self._sent + len(filling.past.marks)
            _log.info(f"Filling a gap: {sent} of {of} marks are sent", exporter=self._to)
