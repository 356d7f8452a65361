"""Own metrics by OpenTelemetry's API: a MeterProvider of the host process collects them.

Names are those of the page without ``_total``, which whatever shows them to Prometheus appends
again: alerts are the same on either way. What a process is (``process_*``) is the host's to say.
Where there is no MeterProvider nothing asks, and nothing is done.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from functools import cache, partial
from typing import Any
from weakref import WeakSet

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter
from opentelemetry.sdk.metrics.export import Gauge, Metric, NumberDataPoint, Sum

from otel_kubecost.own_metrics import OwnMetrics
from otel_kubecost.pdata import each_metric
from otel_kubecost.tracing import SCOPE, version

_OF_THE_HOST = "process_"


def expose(own_metrics: OwnMetrics) -> None:
    """Tell this process' MeterProvider what ``own_metrics`` says, as long as that exists.

    A service does so when it starts. Who runs a pipeline without one:

    >>> own_metrics = OwnMetrics()
    >>> own_metrics.register(exporter.name, exporter.own_metrics)
    >>> expose(own_metrics)
    """
    _of_the_process().expose(own_metrics)


def withdraw(own_metrics: OwnMetrics) -> None:
    """Tell no more what ``own_metrics`` says."""
    _of_the_process().withdraw(own_metrics)


@cache
def _of_the_process() -> OwnInstruments:
    return OwnInstruments()


class OwnInstruments:
    """Observable instruments of one MeterProvider. Safe to use from several threads.

    An instrument cannot be taken back, and reloads come and go: each is made once, and asks those
    who are exposed at the moment.
    """

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        """Of the process' own provider, also where that is set up later."""
        self._meter = get_meter(SCOPE, version(), meter_provider)
        self._exposed: WeakSet[OwnMetrics] = WeakSet()
        self._names: set[str] = set()
        self._asked: set[str] = set()
        self._values: Mapping[str, list[Observation]] = {}
        self._lock = threading.Lock()

    def expose(self, own_metrics: OwnMetrics) -> None:
        """What it has no instrument for yet gets one: who registers later is not told of."""
        with self._lock:
            self._exposed.add(own_metrics)
            told = _by_name([own_metrics])
            new = told.keys() - self._names
            self._names |= new
        # Without the lock: a provider that collects makes no instrument, and asks for the lock.
        for name in sorted(new):
            self._make(name, told[name][0])

    def withdraw(self, own_metrics: OwnMetrics) -> None:
        with self._lock:
            self._exposed.discard(own_metrics)

    def _make(self, name: str, metric: Metric) -> None:
        is_counter, about = isinstance(metric.data, Sum), metric.description or ""
        meter, tell = self._meter, [partial(self._tell, name)]
        make = meter.create_observable_counter if is_counter else meter.create_observable_gauge
        make(name, tell, description=about)

    def _tell(self, name: str, _: CallbackOptions) -> Iterable[Observation]:
        """All instruments of one collection are of one moment: it is over when one asks again."""
        with self._lock:
            if not self._asked or name in self._asked:
                self._asked.clear()
                told = _by_name(list(self._exposed))
                self._values = {name: _observations(metrics) for name, metrics in told.items()}
            self._asked.add(name)
            return self._values.get(name, [])


def _by_name(exposed: Iterable[OwnMetrics]) -> dict[str, list[Metric]]:
    """By the name of the instrument: a counter, where the page has both of it."""
    found: dict[str, list[Metric]] = {}
    for own_metrics in exposed:
        for _, _, metric in each_metric(own_metrics.collect()):
            if not metric.name.startswith(_OF_THE_HOST):
                found.setdefault(metric.name.removesuffix("_total"), []).append(metric)
    return {name: _counters(metrics) or metrics for name, metrics in found.items()}


def _counters(metrics: Iterable[Metric]) -> list[Metric]:
    return [metric for metric in metrics if isinstance(metric.data, Sum)]


def _observations(metrics: Iterable[Metric]) -> list[Observation]:
    """Of a series that several tell of, the newest value."""
    newest: dict[frozenset[tuple[str, Any]], NumberDataPoint] = {}
    for metric in metrics:
        for point in _points(metric):
            series = frozenset((point.attributes or {}).items())
            known = newest.get(series)
            if known is None or known.time_unix_nano <= point.time_unix_nano:
                newest[series] = point
    return [Observation(point.value, point.attributes) for point in newest.values()]


def _points(metric: Metric) -> Iterable[NumberDataPoint]:
    """Own metrics are numbers; a histogram of somebody's component has no observable instrument."""
    return metric.data.data_points if isinstance(metric.data, Sum | Gauge) else ()
