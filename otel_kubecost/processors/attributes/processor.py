"""``attributes``: other attributes for the data points of some metrics, or of all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from opentelemetry.sdk.metrics.export import Metric, MetricsData
from opentelemetry.sdk.resources import Resource
from pydantic import Field

from otel_kubecost.config.options import Options
from otel_kubecost.config.problems import build_options
from otel_kubecost.pdata import map_scopes
from otel_kubecost.processors.editing.actions import Action, applied
from otel_kubecost.processors.editing.losses import Losses
from otel_kubecost.processors.editing.matching import MetricMatch, MetricMatcher
from otel_kubecost.processors.editing.points import PointEditor
from otel_kubecost.processors.editing.repeating import Repeating


class AttributesOptions(Options):
    """What users write under ``attributes``."""

    include: MetricMatch | None = Field(
        None,
        description="Only points of metrics that match this are changed.",
        examples=[{"match_type": "regexp", "metric_names": [".*_pod_.*"]}],
    )
    exclude: MetricMatch | None = Field(
        None,
        description="Points of metrics that match this are not, of those that include leaves.",
        examples=[{"match_type": "regexp", "metric_names": [".*_efficiency"]}],
    )
    actions: tuple[Action, ...] = Field(
        min_length=1,
        description="What is done with attributes, in this order.",
        examples=[[{"key": "team", "action": "upsert", "from_attribute": "k8s.namespace.name"}]],
    )


class PointAttributes:
    """A processor: ``actions`` on the attributes of data points.

    Points that become the same series are folded into one where they can be added up, and dropped
    with a warning where they cannot: ``editing.folding`` says which.

    >>> PointAttributes(actions=[{"key": "env", "action": "insert", "value": "prod"}])
    """

    def __init__(self, options: AttributesOptions | None = None, /, **keywords: Any) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        options = options or build_options(AttributesOptions, keywords)
        self._include = MetricMatcher(options.include) if options.include else None
        self._exclude = MetricMatcher(options.exclude) if options.exclude else None
        self._edit = partial(applied, options.actions)
        self._losses = Losses()
        self._repeating = Repeating(self._changed)

    def __call__(self, data: MetricsData) -> MetricsData:
        return self._repeating(data)

    def _changed(self, data: MetricsData) -> MetricsData:
        editor = PointEditor(self._edit)

        def change(resource: Resource, metrics: Sequence[Metric]) -> list[Metric]:
            changed = (
                editor.metric(one) if self._is_meant(resource, one.name) else one for one in metrics
            )
            return [one for one in changed if one]

        result = map_scopes(data, change)
        self._losses.report(editor.lost)
        return result

    def _is_meant(self, resource: Resource, name: str) -> bool:
        included = self._include is None or self._include.matches(resource, name)
        return included and not (self._exclude and self._exclude.matches(resource, name))
