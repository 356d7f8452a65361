"""Earlier marks on their way to one exporter: oldest first, each when the last one was answered."""

from __future__ import annotations

from enum import Enum, auto

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.component import Past
from otel_kubecost.errors import RetryableError, ScrapeError
from otel_kubecost.live import Process
from otel_kubecost.outlet import Outlet


class Step(Enum):
    """What came of one attempt to go on."""

    WAITING = auto()
    """The exporter has not settled what it has."""
    MOVED = auto()
    FAILED = auto()
    """The source does not answer, or a processor refuses what it gives; the next mark is early
    enough for another attempt."""
    REFUSED = auto()
    """The exporter did not take a mark, nor keep it; it is offered again at the next."""
    DONE = auto()


class Replay:
    """Earlier marks on their way to one exporter, one at a time."""

    def __init__(
        self,
        past: Past,
        outlet: Outlet,
        process: Process,
        *,
        stream: str | None,
        after: float | None = None,
    ) -> None:
        marks = past.marks
        self.past = past
        self.count = len(marks)
        self.end = marks[-1]
        """The newest mark that there is to send."""
        self.last = after
        """The newest mark that was handed over, and not refused."""
        self.sent = 0
        self.refused: float | None = None
        """The mark that the exporter neither took nor keeps; it comes again."""
        self._before = after
        self._outlet = outlet
        self._process = process
        self._stream = stream
        self._under_way: float | None = None
        self._batches = past.batches(after)

    @property
    def sure(self) -> float | None:
        """The newest mark that was handed over and does not come back, whatever happens."""
        is_taken = self._outlet.settled(self._under_way) and self.refused is None
        return self.last if is_taken or self._outlet.keeps else self._before

    def step(self) -> Step:
        """Hand over the next mark if the exporter has settled the last one, or keeps it."""
        if not self._outlet.settled(self._under_way) or not self._outlet.has_room:
            return Step.WAITING
        if self.refused is not None:
            self._go_back()
            return Step.REFUSED
        try:
            mark, batch = next(self._batches)
            processed = self._process(batch) if batch.resource_metrics else None
        except StopIteration:
            self.last = self.end
            return Step.DONE
        except (ScrapeError, RetryableError):  # the receiver has said so, or the pipeline
            self._batches = self.past.batches(self.last)
            return Step.FAILED
        self._hand_over(mark, processed)
        return Step.MOVED

    def _hand_over(self, mark: float, processed: MetricsData | None) -> None:
        self._before, self.last = self.last, mark
        if processed is not None:
            self.sent += 1
            self._under_way = mark
            self._outlet.put(processed, mark, self._stream, self._not_taken)

    def _not_taken(self, mark: float) -> None:
        self.refused = mark

    def _go_back(self) -> None:
        self.sent -= 1
        self.last, self.refused, self._under_way = self._before, None, None
        self._batches = self.past.batches(self.last)
