"""What is said of series that became one and could not be added up."""

from __future__ import annotations

from collections.abc import Collection

from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class Losses:
    """The metrics that lost series; each is named once."""

    def __init__(self) -> None:
        self._named: set[str] = set()

    def report(self, metrics: Collection[str]) -> None:
        """One line for those of ``metrics`` that have not been named before."""
        names = sorted(set(metrics) - self._named)
        self._named.update(names)
        if names:
            _log.warning(
                f"Left out series of {', '.join(names)}: without what told them apart several are"
                " one, and only amounts of one currency and sums can be added up",
                hint="keep an attribute that tells them apart, or drop these metrics by a filter",
            )
