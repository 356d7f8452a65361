"""What the processors of a pipeline refuse: a line when it begins, and one when it is over."""

from __future__ import annotations

from otel_kubecost.errors import RetryableError
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class Refusals:
    """Those of one receiver's batches. A mark is everything from one ``end_mark`` to the next."""

    def __init__(self, pipeline: str, *, has_history: bool) -> None:
        """``has_history``: whether what is refused is asked of the receiver again."""
        self._log = _log.bind(pipeline=pipeline)
        self._outcome = "is asked for again" if has_history else "is lost"
        self._of_mark = 0
        self._count = 0

    def adopt(self, predecessor: Refusals) -> None:
        """Go on for a pipeline of an earlier configuration."""
        self._count = predecessor._count

    def add(self, error: RetryableError) -> None:
        """A batch was refused."""
        if not (self._count or self._of_mark):
            self._log.warning(f"What is refused {self._outcome}: {error}")
        self._of_mark += 1

    def end_mark(self) -> None:
        """All of a mark was offered, and what there was of earlier ones."""
        if self._count and not self._of_mark:
            self._log.info(f"Nothing is refused any more; {self._count} batches were")
            self._count = 0
        self._count, self._of_mark = self._count + self._of_mark, 0
