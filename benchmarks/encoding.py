"""From a batch to compressed requests: our exporter, and OpenTelemetry's own as it is shipped.

Both get the same costs, of a new generation in each round, and take turns. Theirs gets them as
the SDK has them: making the ``NumberDataPoint``s counts, making their attributes does not. Prints
CPU seconds a sample, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from opentelemetry.exporter.prometheus_remote_write import PrometheusRemoteWriteMetricsExporter
from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from benchmarks.product import CLUSTER_NAME, TENANT
from otel_kubecost import KubecostReceiver, PrometheusRemoteWriteExporter
from otel_kubecost.pdata import count_points, each_metric

_NOWHERE = "http://127.0.0.1:9/write"


class Plain(NamedTuple):
    """A metric as plain values."""

    name: str
    description: str
    points: list[tuple[dict[str, Any], int, float]]


def main(source: str, rounds: str) -> None:
    ours = PrometheusRemoteWriteExporter(endpoint=_NOWHERE)
    theirs = PrometheusRemoteWriteMetricsExporter(endpoint=_NOWHERE)
    costs: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number, batch in enumerate(_batches(source, int(rounds) + 1)):
        of_ours, of_theirs = _our_seconds(ours, batch), _their_seconds(theirs, batch)
        if number:  # the first round is to warm up
            samples = count_points(batch)
            costs["ours"].append(of_ours / samples)
            costs["theirs"].append(of_theirs / samples)
    print(json.dumps(costs))


def _batches(source: str, count: int) -> Iterator[MetricsData]:
    receiver = KubecostReceiver(
        endpoint=source,
        tenant_id=TENANT,
        cluster_name=CLUSTER_NAME,
        currency="USD",
        levels=["cluster", "namespace", "node", "pod"],
        pod_metrics="all",
        collection_interval="1s",
        emit_interval="1s",
        max_body_bytes="1GiB",
        timeout="300s",
    )
    now = time.time() // 1
    for mark in range(count):
        yield next(iter(receiver.collect(now + mark)))
    receiver.shutdown()


def _our_seconds(exporter: PrometheusRemoteWriteExporter, batch: MetricsData) -> float:
    before = time.process_time()
    list(exporter._requests(batch, ""))  # noqa: SLF001  all that comes before the queue
    return time.process_time() - before


def _their_seconds(exporter: PrometheusRemoteWriteMetricsExporter, batch: MetricsData) -> float:
    (of_resource,) = batch.resource_metrics
    metrics = [_plain(metric) for _, _, metric in each_metric(batch)]
    before = time.process_time()
    points = _as_points(of_resource.resource, metrics)
    exporter._build_message(exporter._translate_data(points))  # noqa: SLF001  all but the sending
    return time.process_time() - before


def _plain(metric: Metric) -> Plain:
    points = [
        (dict(point.attributes or {}), point.time_unix_nano, point.value)
        for point in metric.data.data_points
        if isinstance(point, NumberDataPoint)
    ]
    return Plain(metric.name, metric.description or "", points)


def _as_points(resource: Resource, metrics: list[Plain]) -> MetricsData:
    """Without units: theirs would append them to the names, braces and all."""
    found = [
        Metric(
            metric.name,
            metric.description,
            unit="",
            data=Gauge(
                [
                    NumberDataPoint(attributes, 0, nanos, value)
                    for attributes, nanos, value in metric.points
                ]
            ),
        )
        for metric in metrics
    ]
    scope = ScopeMetrics(InstrumentationScope("benchmarks"), found, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


if __name__ == "__main__":
    main(*sys.argv[1:])
