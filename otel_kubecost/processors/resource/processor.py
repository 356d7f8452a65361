"""``resource``: other attributes for the resources that data comes from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics
from opentelemetry.sdk.resources import Resource
from pydantic import Field

from otel_kubecost.config.options import Options
from otel_kubecost.config.problems import build_options
from otel_kubecost.processors.editing.actions import Action, applied
from otel_kubecost.processors.editing.losses import Losses
from otel_kubecost.processors.editing.repeating import Repeating
from otel_kubecost.processors.resource.joined import joined_resources


class ResourceOptions(Options):
    """What users write under ``resource``."""

    attributes: tuple[Action, ...] = Field(
        min_length=1,
        description="What is done with the attributes of resources, in this order.",
        examples=[
            [{"key": "deployment.environment.name", "action": "upsert", "value": "production"}]
        ],
    )


class ResourceAttributes:
    """A processor: actions on the attributes of resources.

    Resources of a batch that become the same are one afterwards, and so are their scopes and
    metrics. Two receivers whose resources become the same are not: each would end the other's
    series.

    >>> ResourceAttributes(attributes=[{"key": "env", "action": "insert", "value": "prod"}])
    """

    def __init__(self, options: ResourceOptions | None = None, /, **keywords: Any) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        self._actions = (options or build_options(ResourceOptions, keywords)).attributes
        self._losses = Losses()
        self._repeating = Repeating(self._changed)

    def __call__(self, data: MetricsData) -> MetricsData:
        return self._repeating(data)

    def _changed(self, data: MetricsData) -> MetricsData:
        resources, lost = joined_resources([self._edited(one) for one in data.resource_metrics])
        self._losses.report(lost)
        return MetricsData(resources)

    def _edited(self, of_resource: ResourceMetrics) -> ResourceMetrics:
        before = dict(of_resource.resource.attributes)
        after = applied(self._actions, before)
        return replace(of_resource, resource=Resource(after, of_resource.resource.schema_url))
