"""Costs as observable gauges of an application's own MeterProvider."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from weakref import WeakKeyDictionary, ref

from opentelemetry.metrics import (
    CallbackOptions,
    MeterProvider,
    Observation,
    get_meter,
    get_meter_provider,
)
from opentelemetry.sdk.metrics.export import Metric, MetricsData
from opentelemetry.sdk.resources import Resource

from otel_kubecost.attributes import CLUSTER, TENANT
from otel_kubecost.pdata import each_metric
from otel_kubecost.sdk.folding import Folding
from otel_kubecost.tracing import version

SCOPE = "otel_kubecost.receivers.kubecost"
"""As in a pipeline: views and dashboards find the metrics under one name."""


class CostGauges:
    """Show what they were last given, until they are given something else.

    An instrument cannot be taken back, nor what it has shown: of these there is one for each
    MeterProvider, as long as that exists.
    """

    def __init__(self, meter_provider: MeterProvider) -> None:
        self._provider = ref(meter_provider)
        self._meter = get_meter(SCOPE, version(), meter_provider)
        self._folding = Folding()
        self._names: set[str] = set()
        self._shown: Mapping[str, Sequence[Observation]] = {}
        self._process = os.getpid()

    def show(self, batches: Iterable[MetricsData], limit: int) -> None:
        """From now on these, which are of one mark; ``limit`` attribute sets a metric at most."""
        data = MetricsData([one for batch in batches for one in batch.resource_metrics])
        outer = unsaid(resource_of(self._provider()), data)
        shown = self._folding.shown(data, outer, limit)
        self._shown = {
            name: [Observation(value, dict(attributes)) for attributes, value in points]
            for name, points in shown.items()
        }
        for _, _, metric in each_metric(data):
            if metric.name in shown and metric.name not in self._names:
                self._make(metric)

    def clear(self) -> None:
        """Show nothing."""
        self._shown = {}

    def _make(self, metric: Metric) -> None:
        self._names.add(metric.name)
        self._meter.create_observable_gauge(
            metric.name,
            [partial(self._observed, metric.name)],
            unit=metric.unit or "",
            description=metric.description or "",
        )

    def _observed(self, name: str, _: CallbackOptions) -> Iterable[Observation]:
        """Nothing in a process forked off this one, which has no thread to ask Kubecost.

        It would say for ever what this one says anyway.
        """
        return self._shown.get(name, ()) if os.getpid() == self._process else ()


_GAUGES: WeakKeyDictionary[MeterProvider, CostGauges] = WeakKeyDictionary()


def gauges_of(meter_provider: MeterProvider | None) -> CostGauges:
    """Those of a provider, or of the process' own, whoever asks."""
    provider = meter_provider or get_meter_provider()
    if provider not in _GAUGES:
        _GAUGES[provider] = CostGauges(provider)
    return _GAUGES[provider]


def resource_of(meter_provider: MeterProvider | None) -> Resource:
    """What a provider says of the process; empty where it does not tell.

    The SDK keeps it to itself (1.45). Not to know it is no harm: points then say what the
    Resource may say as well.
    """
    provider = meter_provider or get_meter_provider()
    found = getattr(getattr(provider, "_sdk_config", None), "resource", None)
    return found if isinstance(found, Resource) else Resource({})


def unsaid(of_process: Resource, data: MetricsData) -> list[str]:
    """Of tenant and cluster, what points have to say.

    It is what the process' Resource does not say, or says otherwise. Of an attribute that both
    have, exporters to Prometheus take the point's. If one point has it all have: points of a metric
    that have different keys are not every exporter's strength.
    """
    own = of_process.attributes
    others = [of_resource.resource.attributes for of_resource in data.resource_metrics]
    return [
        key for key in _OUTER if any(one.get(key) not in {None, own.get(key)} for one in others)
    ]


_OUTER = (TENANT, CLUSTER)
