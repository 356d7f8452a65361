"""``metrics_transform``: other names for metrics, their attributes and the values of those."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import Metric, MetricsData

from otel_kubecost.config.problems import build_options
from otel_kubecost.pdata import map_scopes
from otel_kubecost.processors.editing.losses import Losses
from otel_kubecost.processors.editing.points import PointEditor
from otel_kubecost.processors.editing.repeating import Repeating
from otel_kubecost.processors.metrics_transform.labels import edit_of
from otel_kubecost.processors.metrics_transform.naming import Named, Naming, renamed
from otel_kubecost.processors.metrics_transform.options import MetricsTransformOptions, Transform
from otel_kubecost.relabel.expansion import GroupPattern, expand


class MetricsTransform:
    """A processor: renames metrics, their attributes, and the values of those.

    A metric that gets the name of another of its scope becomes one with it, if both are of one
    type and unit and have no series in common; else it keeps its name, and a line says so.

    >>> MetricsTransform(transforms=[{"include": "up", "action": "update", "new_name": "agent_up"}])
    """

    def __init__(self, options: MetricsTransformOptions | None = None, /, **keywords: Any) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        options = options or build_options(MetricsTransformOptions, keywords)
        self._transforms = [_Transform(one) for one in options.transforms]
        self._losses = Losses()
        self._repeating = Repeating(self._changed)

    def __call__(self, data: MetricsData) -> MetricsData:
        return self._repeating(data)

    def _changed(self, data: MetricsData) -> MetricsData:
        for transform in self._transforms:
            data = transform(data, self._losses)
        return data


class _Transform:
    """One of the transforms."""

    def __init__(self, options: Transform) -> None:
        self._options = options
        self._pattern = GroupPattern(options.include) if options.match_type == "regexp" else None
        self._naming = Naming()

    def __call__(self, data: MetricsData, losses: Losses) -> MetricsData:
        editor = PointEditor(edit_of(self._options.operations))
        result = map_scopes(
            data, lambda _, metrics: self._naming.settled(self._changed(metrics, editor))
        )
        losses.report(editor.lost)
        return result

    def _changed(self, metrics: Sequence[Metric], editor: PointEditor) -> Iterator[Named]:
        copies: list[Named] = []
        inserts = self._options.action == "insert"
        for metric in metrics:
            new_name = self._new_name(metric.name)
            if new_name is None or inserts:
                yield Named(metric, metric)
            if new_name is None or (changed := editor.metric(metric)) is None:
                continue
            if inserts:
                copies.append(Named(renamed(changed, new_name), metric, is_copy=True))
            else:
                yield Named(renamed(changed, new_name), metric)
        yield from copies

    def _new_name(self, name: str) -> str | None:
        """What the metric ``name`` is called afterwards; None where it is not meant."""
        if self._pattern is None:
            return (self._options.new_name or name) if name == self._options.include else None
        groups = self._pattern.groups(name)
        return None if groups is None else expand(self._options.new_name or "", groups) or name
