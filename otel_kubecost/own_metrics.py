"""What components tell of their own work, asked for at the moment when somebody wants to know.

Every configuration in use has one ``OwnMetrics``, where its components register when they are
built. The exporter ``prometheus`` shows what they say beside the costs, and ``own_instruments``
tells it to a host's MeterProvider. It is in no batch: nothing of it is written to an endpoint,
least of all to the one that it is about.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Metric,
    MetricsData,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import gauge, metrics_of, nanoseconds
from otel_kubecost.telemetry import get_logger

Observe: TypeAlias = Callable[[], MetricsData]
"""Says how things stand. Called from any thread; it asks nobody else and returns at once."""

Observed: TypeAlias = Iterable[tuple[Mapping[str, str], float]]
"""Values with their labels."""

_log = get_logger(__name__)


class OwnMetrics:
    """Who can be asked, by name. Safe to use from several threads."""

    def __init__(self) -> None:
        self._observed: dict[str, Observe] = {}
        self._lock = threading.Lock()

    def register(self, name: str, observe: Observe) -> None:
        """Ask ``observe`` from now on, in place of what had this name before."""
        with self._lock:
            self._observed[name] = observe

    def unregister(self, name: str) -> Observe | None:
        """Ask it no more. Gives what was registered; None where nothing was."""
        with self._lock:
            return self._observed.pop(name, None)

    def collect(self) -> MetricsData:
        """What all of them say now. One that fails costs its own metrics and a line in the log."""
        with self._lock:
            observed = list(self._observed.items())
        said = [_asked(name, observe) for name, observe in observed]
        return MetricsData([of_resource for data in said for of_resource in data.resource_metrics])


def _asked(name: str, observe: Observe) -> MetricsData:
    try:
        return observe()
    except Exception:  # noqa: BLE001  a defect of one component: the page is for all of them
        _log.exception(f"{name} cannot tell its own metrics")
        return MetricsData([])


def own_batch(scope: str, metrics: Iterable[Metric]) -> MetricsData:
    """``metrics`` of a resource without attributes: whoever scrapes knows where they come from."""
    return MetricsData([metrics_of({}, [(InstrumentationScope(scope), list(metrics))])])


def own_metric(name: str, description: str, values: Observed, now: float) -> Metric:
    """A counter where ``name`` ends in ``_total``, else a gauge, at ``now`` (seconds).

    ``name`` is the one that Prometheus users know it by, its unit included. Without ``values`` it
    is on no page; who makes instruments of it has to know its name from the start.
    """
    points = [NumberDataPoint(labels, 0, nanoseconds(now), value) for labels, value in values]
    if not name.endswith("_total"):
        return gauge(name, description, "", points)
    data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
    return Metric(name=name, description=description, unit="", data=data)
