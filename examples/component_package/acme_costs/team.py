"""The processor ``team``: says of every cost of a namespace which team pays for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData, NumberDataPoint
from pydantic import Field

from otel_kubecost.component import Factory, Kind
from otel_kubecost.config.options import Options
from otel_kubecost.pdata import map_scopes

NAMESPACE = "k8s.namespace.name"


class TeamOptions(Options):
    """What users write under ``team``."""

    teams: Mapping[str, str] = Field(
        description="The team of each namespace.", examples=[{"shop": "storefront"}]
    )
    other: str = Field("unknown", min_length=1, description="The team of all other namespaces.")


class Team:
    """A function from a batch to another: the one that it got stays as it was."""

    def __init__(self, options: TeamOptions) -> None:
        self._options = options

    def __call__(self, data: MetricsData) -> MetricsData:
        return map_scopes(data, lambda _, metrics: [self._metric(one) for one in metrics])

    def _metric(self, metric: Metric) -> Metric:
        """Costs are gauges; what else comes along passes as it is."""
        if not isinstance(metric.data, Gauge):
            return metric
        return replace(metric, data=Gauge([self._point(one) for one in metric.data.data_points]))

    def _point(self, point: NumberDataPoint) -> NumberDataPoint:
        attributes = point.attributes or {}
        if NAMESPACE not in attributes:
            return point
        team = self._options.teams.get(str(attributes[NAMESPACE]), self._options.other)
        return replace(point, attributes={**attributes, "team": team})


FACTORY = Factory(
    kind=Kind.PROCESSOR,
    name="team",
    summary="Adds the team that pays, by namespace.",
    options=TeamOptions,
    build=lambda options, _: Team(options),
)
