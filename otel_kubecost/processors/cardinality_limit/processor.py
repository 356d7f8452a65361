"""``cardinality_limit``: how many series a cluster may send, without losing cost on the way."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData, NumberDataPoint
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from pydantic import Field

from otel_kubecost.config.options import Options, Regex
from otel_kubecost.config.problems import build_options
from otel_kubecost.pdata import (
    PointColumns,
    TargetScope,
    each_metric,
    each_scope,
    map_scopes,
    stamped,
    time_if_restamped,
)
from otel_kubecost.processors.cardinality_limit.batches import RankedPods
from otel_kubecost.processors.editing.points import size
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


class _Outcome(NamedTuple):
    """What became of a batch."""

    given: MetricsData
    limited: MetricsData
    top: int
    """How many pods were kept."""
    series: int
    """How many there would have been with ``top_n_pods``."""
    cut: int
    """How many were left out though they are not pods'."""


class CardinalityLimit:
    """A processor: the top pods, the allowed metrics, no more than ``max_series`` series.

    Pods are those of cost metrics. A scraped metric is allowed or dropped as a whole, a histogram
    by the name of its family, and cut only where there is no room.

    A batch that is the last one again, at a later mark, gives the last result again, the same
    columns at the new time. Safe to use from several threads.

    >>> CardinalityLimit(top_n_pods=20, other="drop")
    """

    def __init__(self, options: CardinalityLimitOptions | None = None, /, **keywords: Any) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        self._options = options or build_options(CardinalityLimitOptions, keywords)
        self._last: dict[frozenset[InstrumentationScope], _Outcome] = {}
        self._over: frozenset[Hashable] = frozenset()

    def __call__(self, data: MetricsData) -> MetricsData:
        # Several receivers take turns here: what tells their batches apart are the scopes.
        scopes = frozenset(of_scope.scope for _, of_scope in each_scope(data))
        last = self._last.get(scopes)
        time = time_if_restamped(data, last.given) if last else None
        if last and time is not None:
            return stamped(last.limited, time)
        outcome = self._limit(data)
        self._report(outcome)
        # A scope is in one remembered batch at most.
        others = {key: one for key, one in self._last.items() if not key & scopes}
        self._last = others | {scopes: outcome}
        return outcome.limited

    def _limit(self, data: MetricsData) -> _Outcome:
        options, top = self._options, self._options.top_n_pods
        pods = RankedPods(data, top, fold=options.other == "fold", allows=self._allows)
        limited = pods.limited(top)
        series = _count(limited)
        if series > options.max_series:
            top = pods.most(options.max_series)
            limited = pods.limited(top)
        cut = max(0, _count(limited) - options.max_series)
        if cut:
            limited = _cut(limited, options.max_series)
        return _Outcome(data, limited, top, series, cut)

    def _allows(self, name: str) -> bool:
        patterns = self._options.metric_allowlist
        return not patterns or any(pattern.matches(name) for pattern in patterns)

    def _report(self, outcome: _Outcome) -> None:
        """One line when the limit is reached, one when it no longer is, by where data is from."""
        limit, origins = self._options.max_series, _origins(outcome.given)
        over, was_over = outcome.series > limit, bool(origins & self._over)
        self._over = self._over | origins if over else self._over - origins
        if over and not was_over:
            _log.warning(
                f"{outcome.series} series are more than max_series allows ({limit}):"
                f" {outcome.top} pods are kept, {outcome.cut} series are cut",
                hint="raise max_series, lower top_n_pods or narrow metric_allowlist",
            )
        elif was_over and not over:
            _log.info("The number of series is below max_series again", series=outcome.series)


def _origins(data: MetricsData) -> frozenset[Hashable]:
    """Scopes; those of targets take turns in batches, and are many that have one name."""
    scopes = [of_scope.scope for _, of_scope in each_scope(data)]
    return frozenset(
        (scope, scope.target if isinstance(scope, TargetScope) else None) for scope in scopes
    )


def _count(data: MetricsData) -> int:
    """Series: of what was scraped one a row, a bucket say, and else one a point."""
    return sum(size(metric.data.data_points) for _, _, metric in each_metric(data))


def _cut(data: MetricsData, limit: int) -> MetricsData:
    """The first ``limit`` series; metrics stand in order of level, the cluster's first."""
    room = limit

    def change(_: Resource, metrics: Sequence[Metric]) -> list[Metric]:
        nonlocal room
        kept: list[Metric] = []
        for metric in metrics:
            count = size(metric.data.data_points)
            if count <= room:
                kept.append(metric)
            elif room and isinstance(metric.data, Gauge):
                kept.append(replace(metric, data=Gauge(_first(metric.data.data_points, room))))
            room = max(0, room - count)
        return kept

    return map_scopes(data, change)


def _first(points: Sequence[NumberDataPoint], count: int) -> Sequence[NumberDataPoint]:
    return points.select(range(count)) if isinstance(points, PointColumns) else points[:count]
