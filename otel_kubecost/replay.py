"""Earlier marks on their way to one exporter: oldest first, each when the last one was answered."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import TypeAlias

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.component import Past
from otel_kubecost.errors import ScrapeError
from otel_kubecost.outlet import Outlet

Process: TypeAlias = Callable[[MetricsData], MetricsData | None]
"""All processors of a pipeline; None where one of them failed and the batch is lost."""


class Step(Enum):
    """What came of one attempt to go on."""

    WAITING = auto()
    """The exporter has not settled what it has."""
    MOVED = auto()
    FAILED = auto()
    """The source does not answer; the next mark is early enough for another attempt."""
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
        self.past = past
        self.last = after
        """The newest mark that is done with."""
        self.sent = 0
        self._outlet = outlet
        self._process = process
        self._stream = stream
        self._under_way: float | None = None
        self._batches = past.batches(after)

    def step(self) -> Step:
        """Hand over the next mark if the exporter has settled the last one."""
        if not self._outlet.settled(self._under_way):
            return Step.WAITING
        try:
            mark, batch = next(self._batches)
        except StopIteration:
            return Step.DONE
        except ScrapeError:  # the receiver has said so
            self._batches = self.past.batches(self.last)
            return Step.FAILED
        self._hand_over(mark, batch)
        return Step.MOVED

    def _hand_over(self, mark: float, batch: MetricsData) -> None:
        self.last = mark
        processed = self._process(batch) if batch.resource_metrics else None
        if processed is not None:
            self.sent += 1
            self._under_way = mark
            self._outlet.put(processed, mark, self._stream)
