"""What a job allows a page to have at most. Beyond that the scrape fails, as in Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.exposition import ExpositionError

NAME = "__name__"


class LimitError(ExpositionError):
    """A page with more than its job allows; ``limit`` is the option that says so."""

    def __init__(self, limit: str, what: str) -> None:
        super().__init__(f"{what}; raise {limit}, or drop it by metric_relabel_configs")
        self.limit = limit


class Limits(NamedTuple):
    """0 stands for no limit. Lengths are of bytes of UTF-8, and ``__name__`` is a label, too."""

    samples: int = 0
    labels: int = 0
    label_name_length: int = 0
    label_value_length: int = 0

    def check(self, labels: Mapping[str, str]) -> None:
        """Raises LimitError for the final labels of a series that are too many or too long."""
        series = labels[NAME][:50]
        if 0 < self.labels < len(labels):
            what = f"series {series!r} has {len(labels)} labels, {self.labels} are allowed"
            raise LimitError("label_limit", what)
        if self.label_name_length:
            self._check_length("name", series, max(map(_bytes, labels)))
        if self.label_value_length:
            self._check_length("value", series, max(map(_bytes, labels.values())))

    def check_samples(self, count: int) -> None:
        """Raises LimitError for a page with ``count`` samples after relabelling."""
        if 0 < self.samples < count:
            what = f"the page has {count} samples, {self.samples} are allowed"
            raise LimitError("sample_limit", what)

    def _check_length(self, part: str, series: str, length: int) -> None:
        most = self.label_name_length if part == "name" else self.label_value_length
        if length > most:
            what = f"series {series!r} has a label {part} of {length} bytes, {most} are allowed"
            raise LimitError(f"label_{part}_length_limit", what)


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())
