"""``cardinality_limit``: how many series a cluster may send, without losing cost on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData
from opentelemetry.sdk.resources import Resource
from pydantic import Field

from otel_kubecost.confmap import build_options
from otel_kubecost.options import Options, Regex
from otel_kubecost.pdata import count_points, each_metric, map_scopes
from otel_kubecost.processors.cardinality_limit.fold import limit_pods, pod_columns
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class CardinalityLimitOptions(Options):
    """What users write under ``cardinality_limit``."""

    top_n_pods: int = Field(50, ge=0, description="How many pods to keep, by cost.", examples=[50])
    other: Literal["fold", "drop"] = Field(
        "fold",
        description="The other pods of a namespace become one, __other__, or are dropped.",
    )
    metric_allowlist: tuple[Regex, ...] = Field(
        (),
        description="RE2 patterns, anchored; metrics that match none are dropped. Empty: all pass.",
        examples=[["cloudtuner_kubecost_.*"]],
    )
    max_series: int = Field(
        50_000,
        ge=1,
        description="A batch never has more series: fewer pods are kept, then series are cut.",
    )


class CardinalityLimit:
    """A processor: the top pods, the allowed metrics, no more than ``max_series`` series.

    >>> CardinalityLimit(top_n_pods=20, other="drop")
    """

    def __init__(self, options: CardinalityLimitOptions | None = None, /, **keywords: Any) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        self._options = options or build_options(CardinalityLimitOptions, keywords)
        self._over = False

    def __call__(self, data: MetricsData) -> MetricsData:
        top = self._options.top_n_pods
        limited = self._limit(data, top)
        whole = count_points(limited)
        while (excess := count_points(limited) - self._options.max_series) > 0 and top > 0:
            top = _fewer(limited, top, excess)
            limited = self._limit(data, top)
        if excess > 0:
            limited = _cut(limited, self._options.max_series)
        self._report(whole, top, excess)
        return limited

    def _limit(self, data: MetricsData, top: int) -> MetricsData:
        fold = self._options.other == "fold"

        def change(_: Resource, metrics: Sequence[Metric]) -> list[Metric]:
            limited = limit_pods(metrics, top, fold=fold)
            return [metric for metric in limited if self._allows(metric.name)]

        return map_scopes(data, change)

    def _allows(self, name: str) -> bool:
        patterns = self._options.metric_allowlist
        return not patterns or any(pattern.matches(name) for pattern in patterns)

    def _report(self, series: int, top: int, excess: int) -> None:
        """One line when the limit is reached, one when it no longer is."""
        over = series > self._options.max_series
        if over and not self._over:
            _log.warning(
                f"{series} series are more than max_series allows ({self._options.max_series}):"
                f" {top} pods are kept, {max(0, excess)} series are cut",
                hint="raise max_series, lower top_n_pods or narrow metric_allowlist",
            )
        elif self._over and not over:
            _log.info("The number of series is below max_series again", series=series)
        self._over = over


def _fewer(data: MetricsData, top: int, excess: int) -> int:
    """A smaller ``top`` that comes closer to the limit; each pod has one series a pod metric."""
    pods = [columns for _, _, m in each_metric(data) if (columns := pod_columns(m)) is not None]
    rows = max((len(columns) for columns in pods), default=0)
    return max(0, min(top, rows) - max(1, excess // max(1, len(pods))))


def _cut(data: MetricsData, limit: int) -> MetricsData:
    """The first ``limit`` points; metrics stand in order of level, the cluster's first."""
    room = limit

    def change(_: Resource, metrics: Sequence[Metric]) -> list[Metric]:
        nonlocal room
        kept: list[Metric] = []
        for metric in metrics:
            count = len(metric.data.data_points)
            if count <= room:
                kept.append(metric)
            elif room and isinstance(metric.data, Gauge):
                kept.append(replace(metric, data=Gauge(metric.data.data_points[:room])))
            room = max(0, room - count)
        return kept

    return map_scopes(data, change)
