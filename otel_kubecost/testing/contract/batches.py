"""What a component may be given: costs as our receivers make them, and what else there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.attributes import CLUSTER, CURRENCY, NAMESPACE, POD, TENANT
from otel_kubecost.pdata import (
    AttributeTable,
    PointColumns,
    emptied,
    gauge,
    map_scopes,
    metrics_of,
    nanoseconds,
)
from otel_kubecost.testing.contract.scraped import scraped

_PREFIX = "cloudtuner_kubecost_"
_SCOPE = InstrumentationScope("otel_kubecost.receivers.kubecost")
_PODS = (("kube-system", "dns-0"), ("shop", "cart-0"), ("shop", "cart-1"), ("shop", "db-0"))


def costs(at: float, tenant: str = "check") -> MetricsData:
    """Of two clusters, as columns; ``at`` is seconds since the epoch."""
    return MetricsData([_cluster(name, tenant, at) for name in ("production", "staging")])


def _cluster(name: str, tenant: str, at: float) -> ResourceMetrics:
    pods = AttributeTable.of((NAMESPACE, POD), _PODS)
    namespaces = AttributeTable.of((NAMESPACE,), [("kube-system",), ("shop",)])
    metrics = [
        _cost("cluster_total_cost", AttributeTable((), (), 1), (1.375,), at),
        _cost("namespace_total_cost", namespaces, (0.125, 1.25), at),
        _cost("namespace_cpu_cost", namespaces, (None, 0.75), at),
        _cost("pod_total_cost", pods, (0.125, 0.5, 0.5, 0.25), at),
    ]
    return metrics_of({CLUSTER: name, TENANT: tenant}, [(_SCOPE, metrics)])


def _cost(name: str, of: AttributeTable, values: Sequence[float | None], at: float) -> Metric:
    constant = {CURRENCY: "USD"}
    points = PointColumns.of(of, values, constant=constant, time_unix_nano=nanoseconds(at))
    return gauge(f"{_PREFIX}{name}", "A cost.", f"{{{constant[CURRENCY]}}}", points)


def with_points(
    data: MetricsData, change: Callable[[Sequence[NumberDataPoint]], Sequence[NumberDataPoint]]
) -> MetricsData:
    """``data``, all gauges, with what ``change`` makes of each metric's points."""

    def changed(metric: Metric) -> Metric:
        points = change(metric.data.data_points)  # type: ignore[arg-type]  # gauges, all of them
        return gauge(metric.name, metric.description or "", metric.unit or "", points)

    return map_scopes(data, lambda _, metrics: [changed(one) for one in metrics])


def as_lists(data: MetricsData) -> MetricsData:
    return with_points(data, list)


def _not_a_number(data: MetricsData) -> MetricsData:
    return with_points(data, lambda points: [replace(one, value=math.nan) for one in points])


def _foreign(at: float) -> MetricsData:
    """Of an application: a counter in whole numbers, a histogram, attributes of any type."""
    now, start = nanoseconds(at), nanoseconds(at - 60)
    count = NumberDataPoint({"ok": True, "code": 200}, start, now, 7)
    bare = NumberDataPoint(None, start, now, 1)
    took = HistogramDataPoint(
        attributes={"route": "/"},
        start_time_unix_nano=start,
        time_unix_nano=now,
        count=3,
        sum=1.5,
        bucket_counts=[1, 2, 0],
        explicit_bounds=[0.1, 1.0],
        min=0.05,
        max=0.9,
    )
    cumulative = AggregationTemporality.CUMULATIVE
    metrics = [
        Metric("requests", None, None, Sum([count, bare], cumulative, is_monotonic=True)),
        Metric("duration", "How long.", "s", Histogram([took], cumulative)),
    ]
    return MetricsData(
        [metrics_of({"service.name": "shop"}, [(InstrumentationScope("app", "1.0"), metrics)])]
    )


COLUMNS, LISTS = "costs in columns", "costs in lists"

BATCHES: Mapping[str, Callable[[float], MetricsData]] = {
    "a batch without resources": lambda _: MetricsData([]),
    "a resource without scopes": lambda _: MetricsData([metrics_of({CLUSTER: "new"}, [])]),
    "a scope without metrics": lambda _: MetricsData([metrics_of({}, [(_SCOPE, [])])]),
    COLUMNS: costs,
    LISTS: lambda at: as_lists(costs(at)),
    "metrics without points": lambda at: emptied(costs(at)),
    "costs that are NaN": lambda at: _not_a_number(costs(at)),
    "an application's sum and histogram": _foreign,
    "a target's metrics": scraped,
    "a target's end": lambda at: emptied(scraped(at)),
}
"""By what they are; each at a time in seconds since the epoch."""
