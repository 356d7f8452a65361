"""What one exporter has of one receiver, and how it gets what it missed.

Marks that were missed go out oldest first, and nothing newer goes to the exporter meanwhile:
receivers of remote write take a series in order, and nothing that is much older than the newest
sample of all (an hour for Thanos and Prometheus).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.clock import Clock
from otel_kubecost.component import Historical, Past
from otel_kubecost.convoy import Convoy
from otel_kubecost.errors import RetryableError, ScrapeError
from otel_kubecost.live import Live, Process
from otel_kubecost.outlet import Outlet
from otel_kubecost.progress import Progress
from otel_kubecost.replay import Replay, Step
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

PROGRESS_SECONDS = 60.0
"""How often a line says how far a gap is filled."""
PLAN_SECONDS = 3600.0
"""For how long it holds how earlier marks are asked for; then Kubecost may keep less of them."""
LATE_SECONDS = 3600.0
"""How much older than the newest sample of all receivers of remote write take a sample."""


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
        """By ``name`` the receiver knows the reader again after a restart; see ``start``."""
        self.name = name
        self.receiver = receiver
        self.outlet = outlet
        self.process = process
        self._stream = stream
        self._clock = clock
        self._log = _log.bind(exporter=outlet.name)
        self._progress = Progress(receiver, outlet)
        self._position: float | None = None
        self._is_new = True
        self._filling: Replay | None = None
        self._planned = 0.0
        self._gets_no_answer = False
        self._withholds = False
        self._taken: float | None = None
        self._lost: float | None = None
        self._sent, self._said = 0, 0.0
        self._restating: Replay | None = None
        self._restated: float | None = None

    @property
    def position(self) -> float | None:
        """The newest mark up to which the exporter was given all there is; None: not known."""
        if self._is_new:
            self._position, self._is_new = self._progress.begin(self.name), False
        return self._position

    @property
    def behind(self) -> float | None:
        """The mark up to which it came, while it fills what is later, or is about to find out.

        None as well while its source does not answer: others do not wait for that.
        """
        begins = self._clock.monotonic() - self._planned < self.receiver.emit_interval
        is_behind = self._filling or (begins and self._taken is None)
        return self._position if is_behind and not self._gets_no_answer else None

    def start(self) -> None:
        """Go with the others, by a name of its own."""
        self._planned = self._clock.monotonic()
        _STARTED.join(self)
        with suppress(Exception):  # a defect: the first mark says so
            _ = self.position

    def stop(self) -> None:
        """Leave the name to others, and hold up none of them."""
        _STARTED.leave(self)

    def adopt(self, predecessor: Reader) -> None:
        """Go on where the reader of an earlier configuration stopped."""
        self._position = predecessor._progress.sure(predecessor.position, predecessor._missing)
        self._is_new = False
        self._progress.adopt(predecessor._progress)
        self._restated = predecessor._restated

    def gap(self, mark: float) -> Past | None:
        """What was missed before ``mark`` and can still be had."""
        position = self.position
        return None if position is None else self.receiver.missed(position, mark)

    def begin(self, live: Live) -> bool:
        """Take what is new. False where there is a gap to be filled first: see ``step``."""
        self._withholds = False
        self._go_back()
        if self._is_still_filling(live.mark):
            return False
        if self._filling:
            self._position = self._filling.sure
            if self._filling.end > live.mark:
                self._filling = None  # the clock was set back: it was planned for what is not yet
        if self.position == live.mark:
            return True  # it was given by the process before this one, with values of its own
        past = self.gap(live.mark)
        if past is not None:
            self._fill_from(past)
            return False
        self._put_off()
        self._withholds = True
        return self._release(live) is Step.MOVED

    def step(self, live: Live) -> Step:
        """Go on with the gap, at whose end ``live`` is passed on, or with what was corrected."""
        if self._filling:
            return self._fill(self._filling, live)
        return self._release(live) if self._withholds else self._restate(live.mark)

    def give_up(self, live: Live) -> None:
        """Leave what is earlier than ``live``: there is a defect, and it costs no more than that.

        Where the exporter waits for ``live`` it gets it now.
        """
        self._filling = self._restating = None
        self._is_new = self._withholds = False
        if live.mark not in {self._taken, self._position}:
            self._take(live)

    def catch_up(self, live: Live) -> bool:
        """Send what was missed and then ``live``, waiting for each; whether all was taken.

        What the exporter could not take yet comes first the next time, and what a processor
        refuses. Where the source fails, the rest waits for its answer. An exporter that keeps
        nothing is offered the rest again.
        """
        taken = True
        past = self.gap(live.mark)
        try:
            for mark, batch in past.batches(self.position) if past else ():
                taken &= self._export(batch)
                if not (taken or self.outlet.keeps):
                    return False
                self._position = mark
                if not self.outlet.settled(mark):
                    return False
        except ScrapeError:  # the receiver has said so
            return taken
        except RetryableError:  # the pipeline has said so
            return False
        for batch in live.batches:
            taken &= self.outlet.export(batch)
        if taken or self.outlet.keeps:
            self._given(live)
        return taken

    def report(self) -> None:
        """Tell the receiver what has arrived for good."""
        if self._position is not None:
            self._progress.report(self.name, self._position, self._missing)

    def _missing(self) -> Sequence[float | None]:
        """The marks that the exporter neither took nor keeps."""
        return [self._lost, self._filling.refused if self._filling else None]

    def _is_still_filling(self, mark: float) -> bool:
        """Whether what was planned at an earlier mark goes on."""
        filling = self._filling
        if filling is None or filling.end >= mark:
            return False
        holds = self._clock.monotonic() - self._planned < PLAN_SECONDS
        return holds and self.receiver.missed(filling.end, mark) is not None

    def _fill_from(self, past: Past) -> None:
        if self._filling is None:
            self._sent, self._said, self._gets_no_answer = 0, self._clock.monotonic(), False
            self._log.info(f"Filling a gap: {past}")
        else:
            self._sent += self._filling.sent
        self._planned = self._clock.monotonic()
        self._filling = Replay(
            past, self.outlet, self.process, stream=self._stream, after=self._position
        )

    def _release(self, live: Live) -> Step:
        """Others may go first, and what the exporter has: what is withheld is a gap at last."""
        if self._has_to_wait(live.mark):
            return Step.WAITING
        self._withholds = False
        self._take(live)
        return Step.MOVED

    def _has_to_wait(self, mark: float) -> bool:
        return not self.outlet.has_room or _STARTED.has_to_wait(self, mark)

    def _not_taken(self, mark: float) -> None:
        """On the exporter's thread."""
        self._lost = mark if self._lost is None else min(mark, self._lost)

    def _go_back(self) -> None:
        """What the exporter neither took nor keeps is missed, and what it had and lost."""
        settled = self._progress.lost(self.name)
        if settled is not None and self.position is not None:
            self._log.warning("What the spool lost is asked of the receiver again")
            self._position, self._filling = min(self.position, settled), None
        lost, self._lost = self._lost, None
        if lost is not None and self.position is not None:
            before = min(self.position, lost - self.receiver.emit_interval)
            self._position, self._filling = before, None

    def _fill(self, filling: Replay, live: Live) -> Step:
        if self._position is not None and _STARTED.has_to_wait(self, self._position):
            return Step.WAITING
        step = filling.step()
        self._position = filling.last
        self._gets_no_answer = step is Step.FAILED
        if step is Step.MOVED:
            self._say_progress(filling)
        if step is Step.FAILED:
            self._show_present(live)
        if step is not Step.DONE:
            return step
        if past := self.gap(live.mark):
            self._fill_from(past)
            return Step.MOVED
        self._filling = None
        self._log.info(f"The gap is filled: {self._sent + filling.sent} marks were handed over")
        self._take(live)
        return Step.MOVED

    def _put_off(self) -> None:
        """The source has been silent for so long that the present does not wait any more."""
        if self._filling:
            self._filling = None
            self._log.warning("The rest of the gap is filled when there are answers")

    def _restate(self, mark: float) -> Step:
        if self._restating is None:
            past = self.receiver.restated(mark, self._restated)
            if past is None:
                return Step.DONE
            self._log.info(f"Sending again what may have been corrected: {past}")
            self._restating = Replay(past, self.outlet, self.process, stream=None)
        step = self._restating.step()
        if step is Step.DONE:
            self._log.info(f"{self._restating.sent} marks were sent again")
            self._restating, self._restated = None, mark
        return step

    def _show_present(self, live: Live) -> None:
        """What is wrong is said at once, as long as that shuts out nothing of the gap."""
        is_late = self._position is None or live.mark - self._position > LATE_SECONDS
        if not (is_late or self._has_to_wait(live.mark)):
            for batch in live.present:
                self.outlet.put(batch, live.mark, self._stream)

    def _take(self, live: Live) -> None:
        for batch in live.lasting:
            not_taken = self._not_taken if live.is_complete else None
            self.outlet.put(batch, live.mark, self._stream, not_taken)
        for batch in live.present:
            self.outlet.put(batch, live.mark, self._stream)
        self._taken = live.mark
        self._given(live)

    def _given(self, live: Live) -> None:
        if live.is_complete:
            self._position = live.mark
        elif live.is_missed and self._position is None:
            self._position = live.mark - self.receiver.emit_interval

    def _export(self, batch: MetricsData) -> bool:
        processed = self.process(batch) if batch.resource_metrics else None
        return processed is None or self.outlet.export(processed)

    def _say_progress(self, filling: Replay) -> None:
        now = self._clock.monotonic()
        if now - self._said >= PROGRESS_SECONDS:
            self._said = now
            sent, of = self._sent + filling.sent, self._sent + filling.count
            self._log.info(f"Filling a gap: {sent} of {of} marks are sent")


_STARTED = Convoy()
"""Readers of all pipelines that run."""
