"""``filter``: metrics and data points that are not wanted, by their names and attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from opentelemetry.sdk.metrics.export import Metric, MetricsData
from opentelemetry.sdk.resources import Resource
from pydantic import Field, model_validator

from otel_kubecost.config.options import Options
from otel_kubecost.config.problems import build_options
from otel_kubecost.pdata import Parts, PointColumns, map_scopes
from otel_kubecost.processors.editing.matching import (
    AttributesMatcher,
    MetricMatcher,
    PointMatch,
)
from otel_kubecost.processors.editing.points import is_empty, with_points
from otel_kubecost.processors.editing.repeating import Repeating


class MetricFilters(Options):
    """Which metrics pass."""

    include: PointMatch | None = Field(
        None,
        description="What does not match this is dropped.",
        examples=[{"match_type": "regexp", "metric_names": ["cloudtuner_kubecost_.*"]}],
    )
    exclude: PointMatch | None = Field(
        None,
        description="What matches this is dropped, of what include leaves.",
        examples=[{"match_type": "strict", "attributes": [{"key": "k8s.pod.name"}]}],
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.include is None and self.exclude is None:
            raise ValueError("drops nothing; add include or exclude")
        return self


class FilterOptions(Options):
    """What users write under ``filter``."""

    metrics: MetricFilters = Field(
        description="Which metrics and data points pass, by names and attributes.",
        examples=[{"exclude": {"match_type": "regexp", "metric_names": [".*_efficiency"]}}],
    )


class Filter:
    """A processor: drops what ``include`` does not match, then what ``exclude`` matches.

    A metric that loses all its points is dropped; a scope that loses all its metrics stays and
    says that they are gone.

    >>> Filter(metrics={"exclude": {"match_type": "strict", "metric_names": ["up"]}})
    """

    def __init__(self, options: FilterOptions | None = None, /, **keywords: Any) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        metrics = (options or build_options(FilterOptions, keywords)).metrics
        self._include = _Match(metrics.include) if metrics.include else None
        self._exclude = _Match(metrics.exclude) if metrics.exclude else None
        self._repeating = Repeating(self._filtered)

    def __call__(self, data: MetricsData) -> MetricsData:
        return self._repeating(data)

    def _filtered(self, data: MetricsData) -> MetricsData:
        def change(resource: Resource, metrics: Sequence[Metric]) -> list[Metric]:
            return [kept for one in metrics if (kept := self._kept(resource, one))]

        return map_scopes(data, change)

    def _kept(self, resource: Resource, metric: Metric) -> Metric | None:
        included = self._include.matching(resource, metric) if self._include else metric
        if included is None or self._exclude is None:
            return included
        return self._exclude.others(resource, included)


class _Match:
    """The part of a metric that is meant, and the part that is not."""

    def __init__(self, options: PointMatch) -> None:
        self._metrics = MetricMatcher(options)
        self._attributes = AttributesMatcher(options.match_type, options.attributes)

    def matching(self, resource: Resource, metric: Metric) -> Metric | None:
        if not self._metrics.matches(resource, metric.name):
            return None
        return self._part(metric, hits=True) if self._attributes else metric

    def others(self, resource: Resource, metric: Metric) -> Metric | None:
        if not self._metrics.matches(resource, metric.name):
            return metric
        return self._part(metric, hits=False) if self._attributes else None

    def _part(self, metric: Metric, *, hits: bool) -> Metric | None:
        points = metric.data.data_points
        left = self._left(points, hits=hits)
        if left is points:
            return metric
        return None if is_empty(left) else with_points(metric, left)

    def _left(self, points: Sequence[Any], *, hits: bool) -> Sequence[Any]:
        """Those of ``points`` that match, or do not; the same object where that are all."""
        if isinstance(points, PointColumns):
            return points.select(self._places(points, hits=hits))
        if isinstance(points, Parts):
            return self._left_of_parts(points, hits=hits)
        places = self._places(points, hits=hits)
        return points if len(places) == len(points) else [points[at] for at in places]

    def _left_of_parts(self, parts: Parts[Any], *, hits: bool) -> Parts[Any]:
        left = {
            suffix: part.select(self._places(part, parts.own_labels.get(suffix, ""), hits=hits))
            for suffix, part in parts.by_suffix.items()
        }
        same = all(left[suffix] is part for suffix, part in parts.by_suffix.items())
        return parts if same else type(parts)(left)

    def _places(self, points: Sequence[Any], own_label: str = "", *, hits: bool) -> list[int]:
        found = self._attributes.hits(points, own_label)
        return [at for at, hit in enumerate(found) if hit is hits]
