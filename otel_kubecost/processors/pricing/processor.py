"""``pricing``: the user's own prices for clusters whose prices Kubecost does not know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from opentelemetry.sdk.metrics.export import Metric, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.attributes import CLUSTER
from otel_kubecost.config.problems import build_options
from otel_kubecost.pdata import (
    AttributeTable,
    PointColumns,
    ScrapedMetric,
    each_scope,
    gauge,
    map_scopes,
    stamped,
    time_if_restamped,
)
from otel_kubecost.processors.pricing.options import PricingOptions
from otel_kubecost.processors.pricing.reprice import Prices, Reason, Repriced, reprice
from otel_kubecost.processors.pricing.sheet import ASIDE, OTHERS, PREFIX, WHOLE, Sheet, Subject
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

UNPRICED = f"{PREFIX}exporter_unpriced_rows"
LEVEL, REASON = "level", "reason"
"""Attributes of its points."""
_NAMED = 5
"""How many objects of a level a log line names."""
_REMEDIES = {
    Reason.USAGE: "set usage_metrics: true in the receiver; for idle the assets API has to answer",
    Reason.SPOT: "the assets API has to answer and to know the nodes, or leave the spot price out",
    Reason.COST: "Kubecost's own answer lacks a part of the cost",
    Reason.HOURS: "set metric_mode: rate in the receiver",
    Reason.TRAFFIC: "Kubecost's network-costs daemon set tells the classes apart",
}


class _Unpriced(NamedTuple):
    """Rows of one level that are not at the user's prices."""

    cluster: str
    level: str
    reason: Reason
    names: tuple[str, ...]

    def __str__(self) -> str:
        more = ", ..." if len(self.names) > _NAMED else ""
        some = ", ".join(islice(self.names, _NAMED))
        where = f"{len(self.names)} of level {self.level} in {self.cluster}"
        return f"{where} ({self.reason}: {some}{more})"


class _Outcome(NamedTuple):
    """What became of a batch."""

    given: MetricsData
    priced: MetricsData
    unpriced: Sequence[_Unpriced]

    @property
    def reasons(self) -> set[tuple[str, str, Reason]]:
        return {(one.cluster, one.level, one.reason) for one in self.unpriced}


class Pricing:
    """A processor: costs at the user's prices, for what the receiver says was allocated.

    The receiver has to publish ``usage_metrics``. Costs that cannot be computed are absent, and
    so are totals with them; a log line and the gauge ``UNPRICED`` say which.

    A batch that is the last one again, at a later mark, gives the last result again, the same
    columns at the new time. Safe to use from several threads.

    >>> Pricing(CPU=28.0, spotCPU=4.86, RAM=3.09)
    """

    def __init__(self, options: PricingOptions | None = None, /, **keywords: Any) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        self._options = options or build_options(PricingOptions, keywords)
        self._prices = Prices(self._options.rates, self._options.network_factors)
        self._last: dict[frozenset[InstrumentationScope], _Outcome] = {}

    def __call__(self, data: MetricsData) -> MetricsData:
        if not self._options.enabled:
            return data
        # Several receivers take turns here: what tells their batches apart are the scopes.
        scopes = frozenset(of_scope.scope for _, of_scope in each_scope(data))
        last = self._last.get(scopes)
        time = time_if_restamped(data, last.given) if last else None
        if last and time is not None:
            return stamped(last.priced, time)
        outcome = self._price(data)
        if outcome is None:
            return data
        _report(outcome, last)
        # A scope is in one remembered batch at most.
        others = {key: one for key, one in self._last.items() if not key & scopes}
        self._last = others | {scopes: outcome}
        return outcome.priced

    def _price(self, data: MetricsData) -> _Outcome | None:
        """None where there are no costs: nothing can be said of prices then."""
        sheets: list[Repriced] = []
        unpriced: list[_Unpriced] = []

        def change(resource: Resource, metrics: Sequence[Metric]) -> list[Metric]:
            here = _repriced(metrics, self._prices)
            missing = _unpriced(str(resource.attributes.get(CLUSTER, "")), here)
            sheets.extend(here)
            unpriced.extend(missing)
            return [*_replaced(metrics, here), *_unpriced_metric(missing, here)]

        priced = map_scopes(data, change)
        return _Outcome(data, priced, unpriced) if sheets else None


def _repriced(metrics: Sequence[Metric], prices: Prices) -> list[Repriced]:
    """Every subject of a scope; the cluster's own metrics need to know those beside them.

    What was scraped, from another agent's page say, has the prices that it was given there.
    """
    by_name = {metric.name: metric for metric in metrics if not isinstance(metric, ScrapedMetric)}

    def sheets(subjects: Iterable[Subject]) -> Iterable[Sheet]:
        return filter(None, (Sheet.of(subject, by_name) for subject in subjects))

    aside = [reprice(sheet, prices) for sheet in sheets(ASIDE)]
    cluster = [reprice(sheet, prices, aside) for sheet in sheets([WHOLE])]
    return [*cluster, *aside, *(reprice(sheet, prices) for sheet in sheets(OTHERS))]


def _replaced(metrics: Sequence[Metric], sheets: Iterable[Repriced]) -> list[Metric]:
    """``metrics`` at their places with other points; what there was none of stands behind."""
    changed: dict[str, Metric] = {}
    for repriced in sheets:
        for end, values in repriced.values():
            metric = repriced.sheet.metric(end, values)
            changed[metric.name] = metric
    if not changed:
        return list(metrics)
    kept = [changed.pop(metric.name, metric) for metric in metrics]
    return [metric for metric in (*kept, *changed.values()) if len(metric.data.data_points)]


def _unpriced(cluster: str, sheets: Iterable[Repriced]) -> list[_Unpriced]:
    return [
        _Unpriced(cluster, one.sheet.subject.name, reason, tuple(map(one.sheet.name, rows)))
        for one in sheets
        for reason, rows in one.unpriced.items()
    ]


def _unpriced_metric(unpriced: Sequence[_Unpriced], sheets: Sequence[Repriced]) -> list[Metric]:
    if not unpriced:
        return []
    table = AttributeTable.of((LEVEL, REASON), [(one.level, one.reason) for one in unpriced])
    counts = [float(len(one.names)) for one in unpriced]
    points = PointColumns.of(table, counts, time_unix_nano=sheets[0].sheet.time_unix_nano)
    words = "Objects of which a cost is not at the prices of the configuration."
    return [gauge(UNPRICED, words, "{object}", points)]


def _report(outcome: _Outcome, last: _Outcome | None) -> None:
    """A line when other reasons appear, and one when there are none any more."""
    before = last.reasons if last else set()
    if outcome.reasons == before:
        return
    if not outcome.unpriced:
        _log.info("Everything has the prices of the configuration again")
        return
    reasons = dict.fromkeys(one.reason for one in outcome.unpriced)
    _log.warning(
        f"Not at the prices of the configuration: {'; '.join(map(str, outcome.unpriced))}",
        hint="; ".join(_REMEDIES[reason] for reason in reasons),
    )
