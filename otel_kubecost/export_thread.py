"""A thread and a short queue for an exporter that has none: any ``MetricExporter`` of the SDK."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

from otel_kubecost.component import Exporter
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

LENGTH = 16
"""Batches that wait for an exporter that is slower than the marks come."""
_OF_A_MARK = 2
"""Batches that a mark usually has."""

NotTaken: TypeAlias = Callable[[float], None]
"""Called with the mark of a batch that an exporter did not take and does not keep."""


def export(
    exporter: Exporter,
    batch: MetricsData,
    timeout_millis: float = 10_000,
    *,
    quietly: bool = False,
) -> bool:
    """Whether ``exporter`` took ``batch``.

    One that raises did not, and the reason is logged, unless ``quietly``.
    """
    try:
        return exporter.export(batch, timeout_millis) is MetricExportResult.SUCCESS
    except Exception:  # noqa: BLE001  foreign code: whatever it raises is one failed export
        if not quietly:
            _log.exception("An exporter raised", exporter=type(exporter).__name__)
        return False


class _Waiting(NamedTuple):
    mark: float
    batch: MetricsData
    not_taken: NotTaken | None


class ExportThread:
    """Hands batches to one exporter in their order, on a thread of its own.

    When the exporter falls behind by more than ``LENGTH`` batches the oldest is dropped and said
    to be: exporters that must not lose any have a queue themselves.
    """

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._name = type(exporter).__name__
        self._waiting: deque[_Waiting] = deque()
        self._under_way: _Waiting | None = None
        self._changed = threading.Condition()
        self._closing = False
        self._failing = False
        self._thread = threading.Thread(target=self._run, name=f"export {self._name}", daemon=True)
        self._thread.start()

    @property
    def oldest_pending(self) -> float | None:
        """The earliest mark whose batch the exporter is not done with; None where there is none."""
        with self._changed:
            under_way = [self._under_way] if self._under_way else []
            return min((one.mark for one in [*under_way, *self._waiting]), default=None)

    @property
    def has_room(self) -> bool:
        """Whether the batches of a mark would drop none that waits."""
        with self._changed:
            return len(self._waiting) + _OF_A_MARK <= LENGTH

    def put(self, batch: MetricsData, mark: float, not_taken: NotTaken | None = None) -> None:
        with self._changed:
            if len(self._waiting) == LENGTH:
                self._waiting.popleft()
                _log.error(
                    f"{self._name} is {LENGTH} batches behind: the oldest is dropped",
                    exporter=self._name,
                )
            self._waiting.append(_Waiting(mark, batch, not_taken))
            self._changed.notify()

    def close(self, timeout_millis: float) -> None:
        """Wait for what is queued, ``timeout_millis`` at most."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_millis / 1000)

    def _run(self) -> None:
        while (one := self._next()) is not None:
            taken = export(self._exporter, one.batch, quietly=self._failing)
            self._say(taken)
            if one.not_taken and not taken:
                one.not_taken(one.mark)

    def _say(self, taken: bool) -> None:
        """A line when it begins to fail, and one when it is over."""
        if not taken and not self._failing:
            _log.error(f"{self._name} did not take a batch", exporter=self._name)
        elif taken and self._failing:
            _log.info(f"{self._name} takes batches again", exporter=self._name)
        self._failing = not taken

    def _next(self) -> _Waiting | None:
        with self._changed:
            self._under_way = None
            self._changed.wait_for(lambda: self._waiting or self._closing)
            self._under_way = self._waiting.popleft() if self._waiting else None
            return self._under_way
