"""What an encoded series says: requests that are split or logged are read back (see ``codec``)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from otel_kubecost.exporters.encoding.protobuf import fields, read_int64
from otel_kubecost.http.excerpt import printable

SHOWN_LENGTH = 1000
"""Characters of a series in a log."""


def sample_times(series: bytes) -> list[int]:
    """Of the message ``TimeSeries`` the times of its samples, in milliseconds."""
    return [read_int64(sample, 10)[0] for tag, sample in fields(series) if tag == 0x12]


def labels_of(series: bytes) -> list[tuple[str, str]]:
    """Of the message ``TimeSeries`` name and value of its labels, as they stand there."""
    return [_label(label) for tag, label in fields(series) if tag == 0x0A]


def _label(message: bytes) -> tuple[str, str]:
    name, value = (text.decode("utf-8", "replace") for _, text in fields(message))
    return name, value


def shown(labels: Iterable[tuple[str, str]]) -> str:
    """A series as PromQL writes it, bounded and fit for a log."""
    pairs = list(labels)
    name = "".join([value for label, value in pairs if label == "__name__"])
    rest = [(label, value) for label, value in pairs if label != "__name__"]
    inside = [f"{label}={json.dumps(value, ensure_ascii=False)}" for label, value in rest]
    return printable(f"{name}{{{', '.join(inside)}}}")[:SHOWN_LENGTH]
