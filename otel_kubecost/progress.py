"""How far one exporter has come with one receiver, and what of that outlives the process.

The receiver keeps two marks for each: up to the first everything was settled by the destination, up
to the second the exporter has it on a disk. The second counts as long as the exporter's queue is
the one that it was told of: by the queue's id it is known again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from otel_kubecost.component import Historical
from otel_kubecost.outlet import Outlet


class Progress:
    """Marks in seconds since the epoch. ``name`` is the reader's, by which the receiver goes."""

    def __init__(self, receiver: Historical, outlet: Outlet) -> None:
        self._receiver = receiver
        self._outlet = outlet
        self._queue = ""
        self._settled: float | None = None

    def begin(self, name: str) -> float | None:
        """Where the process before this one stopped; None where that is not known."""
        self._queue = self._outlet.queue_id
        self._settled = self._receiver.checkpoint(name)
        kept = self._receiver.checkpoint(_of_queue(name, self._queue)) if self._queue else None
        return self._settled if kept is None else kept

    def adopt(self, predecessor: Progress) -> None:
        """The exporter took over what that of ``predecessor`` had, or its readers go back."""
        self._queue = self._outlet.queue_id
        self._settled = predecessor._settled

    def lost(self, name: str) -> float | None:
        """The last mark that is settled, if the queue is not any more what it was; else None."""
        before, now = self._queue, self._outlet.queue_id
        self._queue = now or before
        if not before or not now or before == now:
            return None
        self._receiver.forget(_of_queue(name, before))
        return self._settled

    def report(
        self, name: str, position: float, missing: Callable[[], Sequence[float | None]]
    ) -> None:
        """The exporter was given all up to ``position``, but for the marks that are ``missing``.

        What a queue has lost is not pending any more, and not settled either: see ``lost``.
        """
        pending, perishing = self._outlet.oldest_pending, self._outlet.oldest_perishing
        # Asked for now: what the exporter has just not taken is missing, and was pending before.
        known = missing()
        settled = self._until(position, [*known, pending])
        kept = self._until(position, [*known, perishing])
        if self._queue and self._outlet.queue_id != self._queue:
            return
        self._settled = settled
        self._receiver.delivered(settled, name)
        if self._queue:
            self._receiver.delivered(kept, _of_queue(name, self._queue))

    def sure(
        self, position: float | None, missing: Callable[[], Sequence[float | None]]
    ) -> float | None:
        """How much of what the exporter was given needs nobody any more when another follows it.

        A queue goes over to that one or is sent to its end.
        """
        pending = None if self._outlet.keeps else self._outlet.oldest_pending
        return None if position is None else self._until(position, [pending, *missing()])

    def _until(self, position: float, ahead: Iterable[float | None]) -> float:
        """The last mark before all that is still ahead."""
        interval = self._receiver.emit_interval
        return min([position, *(mark - interval for mark in ahead if mark is not None)])


def _of_queue(name: str, queue: str) -> str:
    return f"{name}@{queue}"
