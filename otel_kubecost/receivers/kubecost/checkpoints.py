"""How far the readers of a receiver have come, kept over a restart where there is a storage."""

from __future__ import annotations

from otel_kubecost.component import StorageClient
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class Checkpoints:
    """The newest mark that was delivered to each reader, in seconds since the epoch.

    A storage that fails costs the next start a gap that is not known of, and nothing now.
    """

    def __init__(self, storage: StorageClient | None) -> None:
        self._storage = storage
        self._known: dict[str, float] = {}
        self._failing = False

    def get(self, reader: str) -> float | None:
        if reader not in self._known and self._storage:
            try:
                self._known |= _mark(reader, self._storage.get(reader))
            except OSError as error:
                self._complain(error)
        return self._known.get(reader)

    def advance(self, reader: str, mark: float, now: float) -> None:
        """Never goes back, unless what is kept lies after ``now``: a clock was wrong then."""
        known = self.get(reader)
        if known is not None and mark <= known <= now:
            return
        self._known[reader] = mark
        try:
            if self._storage:
                self._storage.set(reader, repr(mark).encode())
            self._failing = False
        except OSError as error:
            self._complain(error)

    def forget(self, reader: str) -> None:
        self._known.pop(reader, None)
        try:
            if self._storage:
                self._storage.delete(reader)
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        if not self._failing:
            _log.error(f"How far the data came cannot be kept: {error.strerror or error}")
        self._failing = True


def _mark(reader: str, kept: bytes | None) -> dict[str, float]:
    """Nothing where nothing, or something else, is kept."""
    try:
        return {reader: float(kept)} if kept else {}
    except ValueError:
        return {}
