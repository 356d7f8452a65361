"""The agent's own metrics: how its scrapes go. They alone have the label ``instance``."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from opentelemetry.sdk.metrics.export import AggregationTemporality, Metric, MetricsData, Sum
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.attributes import CLUSTER, INSTANCE, TENANT
from otel_kubecost.pdata import AttributeTable, PointColumns, gauge, metrics_of, nanoseconds
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.metrics import PREFIX


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
    data_through: float | None = None
    errors: int = 0
    series: int = 0

    def succeeded(self, duration: float, at: float, data_through: float) -> None:
        self.success, self.duration = True, duration
        self.last_success, self.data_through = at, data_through

    def failed(self, duration: float) -> None:
        self.success, self.duration = False, duration
        self.errors += 1


def agent_metrics(
    state: AgentState, options: KubecostReceiverOptions, scope: InstrumentationScope, mark: float
) -> MetricsData:
    """The batch of one mark, in a scope of its own beside that of the costs."""
    own = InstrumentationScope(f"{scope.name}.agent")
    resource = {TENANT: options.tenant_id, CLUSTER: options.cluster_name}
    metrics = list(_metrics(state, nanoseconds(mark)))
    return MetricsData(resource_metrics=[metrics_of(resource, [(own, metrics)])])


def _metrics(state: AgentState, time: int) -> Iterator[Metric]:
    instance = AttributeTable.of((INSTANCE,), [(state.instance,)])
    for name, unit, description, value in (
        ("scrape_success", "", "Whether the last scrape of Kubecost succeeded (1) or not (0).",
         None if state.success is None else float(state.success)),
        ("scrape_duration_seconds", "s", "How long the last scrape took.", state.duration),
        ("last_success_timestamp_seconds", "s", "When a scrape last succeeded.",
         state.last_success),
        ("data_through_timestamp_seconds", "s", "The end of the newest cost data.",
         state.data_through),
        ("series_count", "", "Cost series of the last batch, before processors.",
         float(state.series)),
    ):  # fmt: skip
        if value is not None:
            points = PointColumns.of(instance, [value], time_unix_nano=time)
            yield gauge(f"{PREFIX}_exporter_{name}", description, unit, points)
    yield _errors(state, instance, time)


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
