"""Batches for the file."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry.sdk.metrics.export import MetricsData, NumberDataPoint
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import AttributeTable, PointColumns, gauge, metrics_of

SECOND = 1_000_000_000


def costs(count=2, seconds=1, tenant="a", name="cost"):
    """A batch of ``count`` pods, in columns."""
    table = AttributeTable.of(["k8s.pod.name"], [(f"pod-{at}",) for at in range(count)])
    values = [float(at) for at in range(count)]
    points = PointColumns.of(table, values, time_unix_nano=seconds * SECOND)
    return batch(gauge(name, "What it costs.", "{USD/h}", points), tenant=tenant)


def batch(*metrics, tenant="a"):
    return MetricsData([metrics_of({"tenant.id": tenant}, [(InstrumentationScope("s"), metrics)])])


class Unending(Sequence):
    """So many points that nobody may hold all; ``taken`` says how many were asked for."""

    def __init__(self):
        self.taken = 0

    def __len__(self):
        return 10**9

    def __getitem__(self, at):
        self.taken += 1
        return NumberDataPoint({"at": str(at)}, 0, SECOND, 1.5)
