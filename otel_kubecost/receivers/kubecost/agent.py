"""The agent's own metrics: how its scrapes go. They alone have the label ``instance``."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from opentelemetry.sdk.metrics.export import AggregationTemporality, Metric, MetricsData, Sum
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.attributes import CLUSTER, CURRENCY, INSTANCE, LEVELS, TENANT
from otel_kubecost.pdata import AttributeTable, PointColumns, gauge, metrics_of, nanoseconds
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.metrics import PREFIX
from otel_kubecost.receivers.kubecost.scrape import Scrape


@dataclass(slots=True)
class AgentState:
    """What a receiver knows of its own work; times are seconds since the epoch."""

    instance: str
    """Name of the pod or host."""
    started: float
    success: bool | None = None
    """Whether the last scrape succeeded; None until the first one has ended."""
    duration: float | None = None
    last_success: float | None = None
    found: Scrape | None = None
    """What the last scrape that succeeded has found."""
    errors: int = 0
    series: int = 0

    def succeeded(self, duration: float, at: float, found: Scrape) -> None:
        self.success, self.duration = True, duration
        self.last_success, self.found = at, found

    def failed(self, duration: float) -> None:
        self.success, self.duration = False, duration
        self.errors += 1


def agent_metrics(
    state: AgentState, options: KubecostReceiverOptions, scope: InstrumentationScope, mark: float
) -> MetricsData:
    """The batch of one mark, in a scope of its own beside that of the costs."""
    own = InstrumentationScope(f"{scope.name}.agent")
    resource = {TENANT: options.tenant_id, CLUSTER: options.cluster_name}
    metrics = list(_metrics(state, nanoseconds(mark), hourly=options.hourly))
    return MetricsData(resource_metrics=[metrics_of(resource, [(own, metrics)])])


def _metrics(state: AgentState, time: int, *, hourly: bool) -> Iterator[Metric]:
    instance = AttributeTable.of((INSTANCE,), [(state.instance,)])
    for name, unit, description, value in (*_of_scrapes(state), *_of_data(state.found)):
        if value is not None:
            points = PointColumns.of(instance, [value], time_unix_nano=time)
            yield gauge(f"{PREFIX}_exporter_{name}", description, unit, points)
    if state.found and state.found.reconciliations:
        yield _unreconciled(state.found, state.instance, time, hourly=hourly)
    yield _errors(state, instance, time)


_Value: TypeAlias = tuple[str, str, str, float | None]
"""Name, unit, description; None is not published."""


def _of_scrapes(state: AgentState) -> Iterator[_Value]:
    success = None if state.success is None else float(state.success)
    yield "scrape_success", "", "Whether the last scrape succeeded (1) or not (0).", success
    yield "scrape_duration_seconds", "s", "How long the last scrape took.", state.duration
    yield "last_success_timestamp_seconds", "s", "When a scrape last succeeded.", state.last_success
    series = float(state.series)
    yield "series_count", "", "Cost series of the last batch, before processors.", series


def _of_data(found: Scrape | None) -> Iterator[_Value]:
    if found is None:
        return
    through, start, end = found.data_through, found.window.start, found.window.end
    yield "data_through_timestamp_seconds", "s", "The end of the newest cost data.", through
    yield "window_start_timestamp_seconds", "s", "From when costs are counted.", float(start)
    yield "window_end_timestamp_seconds", "s", "Until when costs are counted.", float(end)
    covered = found.hours * 3600
    yield "covered_seconds", "s", "How much of the window the data covers.", covered
    negative = float(found.negative_rows)
    yield "negative_rows", "", "Rows that cost less than nothing; they are counted in.", negative


def _unreconciled(found: Scrape, instance: str, time: int, *, hourly: bool) -> Metric:
    """Of several clusters the greatest difference."""
    worst: dict[str, float] = {}
    for one in found.reconciliations:
        worst[one.levels] = max(worst.get(one.levels, 0.0), one.difference, key=abs)
    table = AttributeTable.of((INSTANCE, LEVELS), [(instance, levels) for levels in worst])
    points = PointColumns.of(
        table, worst.values(), time_unix_nano=time, constant={CURRENCY: found.currency}
    )
    words = "What the objects of some levels cost more than the cluster."
    unit = f"{{{found.currency}/h}}" if hourly else f"{{{found.currency}}}"
    return gauge(f"{PREFIX}_exporter_unreconciled_cost", words, unit, points)


def _errors(state: AgentState, instance: AttributeTable, time: int) -> Metric:
    points = PointColumns(
        instance,
        array("d", [state.errors]),
        time_unix_nano=time,
        start_time_unix_nano=nanoseconds(state.started),
    )
    return Metric(
        name=f"{PREFIX}_exporter_scrape_errors",
        description="Scrapes of Kubecost that failed.",
        unit="",
        data=Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True),
    )
