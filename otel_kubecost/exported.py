"""The line that says that data goes its way."""

from __future__ import annotations

from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class Exported:
    """Counts what was exported, and says so at the marks."""

    def __init__(self, every: float) -> None:
        """``every``: seconds between two lines at least; what came meanwhile is summed up."""
        self._every = every
        self._count = 0
        self._said = float("-inf")

    def add(self, count: int, mark: float) -> None:
        """``mark`` is in seconds since the epoch."""
        self._count += count
        if not 0 <= mark - self._said < self._every:
            self._say(mark)

    def end(self, mark: float) -> None:
        """What has not been said yet."""
        if self._count:
            self._say(mark)

    def _say(self, mark: float) -> None:
        _log.info(f"Exported {self._count} metrics", mark=round(mark))
        self._count, self._said = 0, mark
