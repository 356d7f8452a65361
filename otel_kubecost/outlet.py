"""An exporter as a pipeline sees it: batches go in at once, whatever becomes of them."""

from __future__ import annotations

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.clock import Deadline
from otel_kubecost.component import Exporter, QueuedExporter
from otel_kubecost.export_thread import NotTaken, thread_of
from otel_kubecost.foreign_calls import export, shut_down
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class Outlet:
    """One exporter, with the queue that it has or with the thread that stands for one."""

    def __init__(self, name: str, exporter: Exporter) -> None:
        self.name = name
        self.exporter = exporter
        self.takes_history = not getattr(exporter, "present_only", False)
        """Whether batches of earlier marks are of use to it."""
        # Found out once: to ask whether something is of a protocol takes tens of microseconds.
        self._queued = exporter if isinstance(exporter, QueuedExporter) else None
        self._thread = None if self._queued else thread_of(exporter)

    def open(self) -> None:
        """Use the exporter until ``close``, beside other pipelines that do."""
        if self._thread:
            self._thread.join(self)

    @property
    def oldest_pending(self) -> float | None:
        """The time of the oldest data that has not been settled, None where all of it was."""
        if self._queued:
            return self._queued.oldest_pending
        return self._thread.oldest_pending if self._thread else None

    @property
    def oldest_perishing(self) -> float | None:
        """As ``oldest_pending``, of what would be lost with the process."""
        pending = self.oldest_pending
        if self.queue_id:
            pending = getattr(self.exporter, "oldest_perishing", pending)
        return pending

    @property
    def queue_id(self) -> str:
        """Of a queue that outlives the process; empty where there is none."""
        return str(getattr(self.exporter, "queue_id", ""))

    @property
    def keeps(self) -> bool:
        """Whether it keeps what it could not send, and refuses for good or not at all."""
        return self._queued is not None

    @property
    def has_room(self) -> bool:
        """Whether another mark would push out nothing that waits."""
        if self._thread:
            return self._thread.has_room
        return bool(getattr(self.exporter, "has_room", True))

    @property
    def partly_stored(self) -> int:
        """Samples of requests of which the destination has refused a part."""
        return int(getattr(self.exporter, "partly_stored", 0))

    def settled(self, mark: float | None) -> bool:
        """Whether nothing up to ``mark`` can be lost any more; None: nothing at all."""
        pending = self.oldest_perishing
        return pending is None or (mark is not None and pending > mark)

    def put(
        self,
        batch: MetricsData,
        mark: float,
        stream: str | None,
        not_taken: NotTaken | None = None,
    ) -> None:
        """Hand over and return at once. Only an exporter without a queue does not take a batch."""
        if self._thread:
            self._thread.put(batch, mark, not_taken)
        elif self._queued:
            self._enqueue(self._queued, batch, stream)

    def export(self, batch: MetricsData, timeout_millis: float = 10_000) -> bool:
        """Hand over and wait; whether it was taken in time."""
        if self._thread:
            return self._thread.export(batch, timeout_millis)
        return export(self.exporter, batch, timeout_millis)

    def close(self, deadline: Deadline) -> None:
        """Let the exporter finish what it has, unless it has no queue and others use it still."""
        if self._thread:
            self._thread.close(self, deadline)
        else:
            shut_down(self.exporter, deadline.left_millis())

    def _enqueue(self, exporter: QueuedExporter, batch: MetricsData, stream: str | None) -> None:
        try:
            exporter.enqueue(batch, stream)
        except Exception:  # noqa: BLE001  the other exporters still get their batch
            name = type(self.exporter).__name__
            _log.exception("An exporter did not take a batch", exporter=name)
