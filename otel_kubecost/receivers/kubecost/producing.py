"""A receiver's batches under somebody else's Resource. Pure.

A MeterProvider of the SDK has one Resource, which is the process'. What tells the costs of several
clusters apart has to be said by each point then; as part of columns it is said once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from opentelemetry.sdk.metrics.export import Metric, MetricsData, ResourceMetrics, ScopeMetrics
from opentelemetry.sdk.resources import Resource

from otel_kubecost.attributes import CLUSTER, TENANT
from otel_kubecost.pdata import PointColumns, coalesced, map_scopes


def scopes_of(batches: Iterable[MetricsData]) -> Sequence[ScopeMetrics]:
    """One a scope, as what reads them relies on; each point has its tenant and cluster."""
    anybody = Resource({})
    said = (map_scopes(batch, _said_by_points) for batch in batches)
    together = [
        ResourceMetrics(anybody, of_resource.scope_metrics, "")
        for batch in said
        for of_resource in batch.resource_metrics
    ]
    found = coalesced(MetricsData(together)).resource_metrics
    return found[0].scope_metrics if found else []


def _said_by_points(resource: Resource, metrics: Sequence[Metric]) -> list[Metric]:
    about = {key: str(resource.attributes[key]) for key in _KEYS if key in resource.attributes}
    return [_with_attributes(metric, about) for metric in metrics]


_KEYS = (TENANT, CLUSTER)


def _with_attributes(metric: Metric, attributes: Mapping[str, str]) -> Metric:
    points = metric.data.data_points
    if not isinstance(points, PointColumns):
        return metric
    changed = points.with_constant({**attributes, **points.constant})
    return replace(metric, data=replace(metric.data, data_points=changed))  # type: ignore[arg-type]
