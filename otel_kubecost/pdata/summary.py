"""Summaries, which OTLP has and the SDK has not: quantiles that somebody else worked out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from opentelemetry.util.types import Attributes


@dataclass(frozen=True, slots=True)
class ValueAtQuantile:
    quantile: float
    """From 0 to 1."""
    value: float


@dataclass(frozen=True, slots=True)
class SummaryDataPoint:
    """A point of OTLP's ``Summary`` (metrics/v1), in the manner of the SDK's points."""

    attributes: Attributes
    start_time_unix_nano: int
    time_unix_nano: int
    count: int
    sum: float | None
    """None: nobody says it, which in OTLP is 0."""
    quantile_values: Sequence[ValueAtQuantile] = ()

    def to_json(self, indent: int | None = 4) -> str:
        return json.dumps(asdict(self), indent=indent)


@dataclass(frozen=True, slots=True)
class Summary:
    """Data of a metric, where the SDK has ``Gauge``, ``Sum`` or ``Histogram``."""

    data_points: Sequence[SummaryDataPoint]

    def to_json(self, indent: int | None = 4) -> str:
        points = [json.loads(point.to_json(indent)) for point in self.data_points]
        return json.dumps({"data_points": points}, indent=indent)
