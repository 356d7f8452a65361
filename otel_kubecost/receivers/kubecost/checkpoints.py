"""How far the readers of a receiver have come, kept over a restart where there is a storage."""

from __future__ import annotations

import math
from collections.abc import Iterable

from otel_kubecost.receivers.kubecost.window import Window
from otel_kubecost.storage import StorageClient
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_LAST_MOMENT = 2**33
"""In the year 2242: what is later is no time of an agent."""
_DAYS = "days"
"""The key of them; that of a reader has a slash."""
_DAYS_KEPT = 10
"""Of days that are older no hours are left that could be taken for them."""


class Checkpoints:
    """The newest mark that was delivered to each reader, in seconds since the epoch.

    A storage that fails costs the next start a gap that is not known of, and nothing now.
    """

    def __init__(self, storage: StorageClient | None) -> None:
        self._storage = storage
        self._known: dict[str, float | None] = {}
        self._failing = False

    def get(self, reader: str) -> float | None:
        if reader not in self._known and self._storage:
            try:
                self._known[reader] = _mark(reader, self._storage.get(reader))
            except OSError as error:
                self._complain(error)
        return self._known.get(reader)

    def advance(self, reader: str, mark: float, now: float) -> None:
        """Never goes back, unless what is kept lies after ``now``: a clock was wrong then."""
        known = self.get(reader)
        if known is not None and mark <= known <= now:
            return
        self._known[reader] = mark
        self._set(reader, repr(mark))

    def forget(self, reader: str) -> None:
        self._known.pop(reader, None)
        try:
            if self._storage:
                self._storage.delete(reader)
        except OSError as error:
            self._complain(error)

    def days(self) -> set[Window]:
        """What an earlier process gave to ``keep_days``."""
        try:
            return _windows(self._storage.get(_DAYS)) if self._storage else set()
        except OSError as error:
            self._complain(error)
            return set()

    def keep_days(self, days: Iterable[Window]) -> None:
        """Days that are read as such, for the process that goes on with the gap."""
        newest = sorted((day.end, day.start) for day in days)[-_DAYS_KEPT:]
        self._set(_DAYS, " ".join(f"{start}/{end}" for end, start in newest))

    def _set(self, key: str, value: str) -> None:
        try:
            if self._storage:
                self._storage.set(key, value.encode())
            self._failing = False
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._failing:
            _log.error(f"How far the data came cannot be kept: {error.strerror or error}")
        self._failing = True


def _mark(reader: str, kept: bytes | None) -> float | None:
    """None where nothing, or something else than a time, is kept."""
    if kept is None:
        return None
    try:
        mark = float(kept)
    except ValueError:
        mark = math.nan
    if 0 <= mark < _LAST_MOMENT:
        return mark
    hint = "data begins with the present; what was missed before it is not filled"
    _log.warning("What is kept of how far the data came is no time", reader=reader, hint=hint)
    return None


def _windows(kept: bytes | None) -> set[Window]:
    """None where something else is kept."""
    try:
        pairs = [pair.split("/") for pair in (kept or b"").decode().split()]
        return {Window(int(start), int(end)) for start, end in pairs}
    except ValueError:
        return set()
