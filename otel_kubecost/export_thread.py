"""A thread and a short queue for an exporter that has none: any ``MetricExporter`` of the SDK."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias
from weakref import WeakSet, WeakValueDictionary

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.clock import Deadline
from otel_kubecost.component import Exporter
from otel_kubecost.foreign_batches import ForeignBatches
from otel_kubecost.foreign_calls import export_in_parts, flush, shut_down, within
from otel_kubecost.pdata import MOST, count_points
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

LENGTH = 16
"""Batches that wait for an exporter that is slower than the marks come."""
_OF_A_MARK = 2
"""Batches that a mark usually has."""
PATIENCE = 60.0
"""Seconds beyond its time after which an exporter is taken to hang: many have a time of their own,
ten seconds unless somebody has configured another."""

NotTaken: TypeAlias = Callable[[float], None]
"""Called with the mark of a batch that an exporter did not take and does not keep."""


@dataclass(slots=True, eq=False)
class _Waiting:
    mark: float
    batch: MetricsData
    not_taken: NotTaken | None = None
    taken: bool | None = None
    """None until the exporter is done with it."""

    def lose(self) -> None:
        """It is never offered, or was and not taken."""
        self.taken = False
        if self.not_taken:
            self.not_taken(self.mark)


class ExportThread:
    """Hands batches to one exporter in their order, on a thread that lives while there are any.

    Pipelines that share an exporter share this as well: no two calls of an exporter ever overlap,
    as the SDK promises to whoever writes one.

    When the exporter falls behind by more than ``LENGTH`` batches the oldest is dropped and said
    to be: exporters that must not lose any have a queue themselves. Whoever can have it again is
    told of it, as of one that was not taken.
    """

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._name = type(exporter).__name__
        self._batches = ForeignBatches(exporter)
        self._waiting: deque[_Waiting] = deque()
        self._under_way: _Waiting | None = None
        self._changed = threading.Condition()
        self._users: WeakSet[object] = WeakSet()
        self._thread: threading.Thread | None = None
        self._failing = False
        self._hanging = False

    @property
    def oldest_pending(self) -> float | None:
        """The earliest mark whose batch the exporter is not done with; None where there is none."""
        with self._changed:
            return min((one.mark for one in self._pending()), default=None)

    @property
    def has_room(self) -> bool:
        """Whether the batches of a mark would drop none that waits."""
        with self._changed:
            return len(self._waiting) + _OF_A_MARK <= LENGTH

    def put(self, batch: MetricsData, mark: float, not_taken: NotTaken | None = None) -> None:
        """Hand over and return at once."""
        with self._changed:
            if len(self._waiting) == LENGTH:
                self._drop(self._waiting.popleft())
                _log.error(
                    f"{self._name} is {LENGTH} batches behind: the oldest is dropped",
                    exporter=self._name,
                )
            self._add(_Waiting(mark, batch, not_taken))

    def export(self, batch: MetricsData, timeout_millis: float) -> bool:
        """Hand over and wait; whether it was taken. One that hangs is not asked again.

        What others handed over before has its time, too.
        """
        one = _Waiting(0.0, batch)
        with self._changed:
            if self._hanging:
                return self._hangs()
            self._add(one)
            parts = sum(1 + count_points(each.batch) // MOST for each in self._pending())
            seconds = parts * timeout_millis / 1000 + PATIENCE
            self._hanging = not self._changed.wait_for(lambda: one.taken is not None, seconds)
            if one in self._waiting:
                self._waiting.remove(one)
            return self._hangs() if one.taken is None else one.taken

    def join(self, user: object) -> None:
        """From now on ``close`` ends the exporter only after ``user`` has called it as well."""
        with self._changed:
            self._users.add(user)

    def close(self, user: object, deadline: Deadline) -> None:
        """If nobody else uses the exporter: let it finish what there is, and end it."""
        with self._changed:
            self._users.discard(user)
            is_last = not self._users
        if is_last:
            self.end(deadline)

    def end(self, deadline: Deadline) -> None:
        """Let the exporter finish what there is until ``deadline``, and end it."""
        with self._changed:
            is_done = self._changed.wait_for(
                lambda: not (self._waiting or self._under_way), deadline.left()
            )
            left, self._waiting = self._waiting, deque()
            self._drop(*left)
        if is_done:
            flush(self._exporter, deadline.left_millis())
        elif left:
            _log.error(f"{self._name} has no time for {len(left)} batches that wait for it")
        shut_down(self._exporter, deadline.left_millis())

    def _pending(self) -> list[_Waiting]:
        return [*([self._under_way] if self._under_way else []), *self._waiting]

    def _add(self, one: _Waiting) -> None:
        self._waiting.append(one)
        if self._thread is None:
            self._begin()

    def _drop(self, *waiting: _Waiting) -> None:
        for one in waiting:
            one.lose()
        self._changed.notify_all()

    def _begin(self) -> None:
        thread = threading.Thread(target=self._run, name=f"export {self._name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the process may have no more threads; others go on
            _log.error(f"{self._name} has to wait for its thread: {error}", exporter=self._name)
        else:
            self._thread = thread

    def _run(self) -> None:
        try:
            while (one := self._next()) is not None:
                self._offer(one)
        except BaseException:  # SystemExit, say: it ends this thread, what waits needs another one
            with self._changed:
                self._thread = None
                if self._waiting:
                    self._begin()
            raise

    def _offer(self, one: _Waiting) -> None:
        taken = False
        try:
            batch = self._batches.of(one.batch)
            taken = export_in_parts(self._exporter, batch, quietly=self._failing)
        finally:
            self._settle(one, taken)

    def _next(self) -> _Waiting | None:
        with self._changed:
            self._under_way = self._waiting.popleft() if self._waiting else None
            if self._under_way is None:
                self._thread = None
            return self._under_way

    def _settle(self, one: _Waiting, taken: bool) -> None:
        self._say(taken)
        # First this: whoever sees that the batch is done with has to know what became of it.
        if not taken:
            one.lose()
        with self._changed:
            one.taken, self._under_way = taken, None
            self._hanging = False
            self._changed.notify_all()

    def _say(self, taken: bool) -> None:
        """A line when it begins to fail, and one when it is over."""
        if not taken and not self._failing:
            _log.error(f"{self._name} did not take a batch", exporter=self._name)
        elif taken and self._failing:
            _log.info(f"{self._name} takes batches again", exporter=self._name)
        self._failing = not taken

    def _hangs(self) -> bool:
        """Says so; always false, as the answer to whether a batch was taken."""
        hint = "what it sends to may not answer; its own timeout, if it has one, ends that"
        _log.error(f"{self._name} does not come back from a batch", exporter=self._name, hint=hint)
        return False


_KNOWN: WeakValueDictionary[int, ExportThread] = WeakValueDictionary()
_LOOKING = threading.Lock()


def thread_of(exporter: Exporter) -> ExportThread:
    """The one for ``exporter``, whoever asks. By identity: exporters may compare as they like."""
    with _LOOKING:
        thread = _KNOWN.get(id(exporter))
        if thread is None:
            thread = _KNOWN[id(exporter)] = ExportThread(exporter)
        return thread


def end(component: Any, deadline: Deadline) -> None:
    """Shut down any component: at once, or where it has such a thread after its last batch.

    One that does not come back is left behind.
    """
    thread = _KNOWN.get(id(component))
    ending = partial(thread.end, deadline) if thread else partial(shut_down, component, 0)
    within(deadline, type(component).__name__, ending)
