"""Which metrics and data points are meant, by names and attributes, in the Collector's words.

All that is given has to match: one of ``metric_names`` and every attribute. The Collector reads its
blocks of the processor ``attributes`` so; those of its ``filter`` exclude a resource that matches
with all its metrics, whatever their names. Patterns have to match the whole text, as everywhere in
this product; the Collector's match anywhere in it.

Of what was scraped a counter has the name of its series (``requests_total``), a histogram or a
summary that of its family (``wait``, whose series are ``wait_bucket``, ``wait_sum`` and so on), as
in the Collector. Nor are ``le`` and ``quantile`` attributes of their points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Annotated, Any, Literal, Self, TypeAlias

from opentelemetry.sdk.resources import Resource
from pydantic import AfterValidator, AliasChoices, Field, ValidationInfo, model_validator

from otel_kubecost.config.options import Options, Pattern, Text
from otel_kubecost.exporters.series.labels import label_text
from otel_kubecost.pdata import PointColumns, StringColumn
from otel_kubecost.processors.editing.arrangement import column_attributes

MatchType: TypeAlias = Literal["strict", "regexp"]

_Test: TypeAlias = Callable[[str], bool]


class AttributeMatch(Options):
    """An attribute that has to be there."""

    key: str = Field(
        min_length=1, description="Name of an attribute.", examples=["k8s.namespace.name"]
    )
    value: Text | None = Field(
        None,
        description="Its value, or a pattern of it; without it every value matches.",
        examples=["kube-.*"],
    )


def _checked(text: str, info: ValidationInfo) -> str:
    """Raises ValueError for what is no pattern where one is meant."""
    if info.data.get("match_type") == "regexp":
        Pattern(text)
    return text


def _checked_value(attribute: AttributeMatch, info: ValidationInfo) -> AttributeMatch:
    if attribute.value is not None:
        _checked(attribute.value, info)
    return attribute


_Names: TypeAlias = tuple[Annotated[Text, AfterValidator(_checked)], ...]
_Attributes: TypeAlias = tuple[Annotated[AttributeMatch, AfterValidator(_checked_value)], ...]


class MetricMatch(Options):
    """Some metrics."""

    match_type: MatchType = Field(
        description="strict compares; regexp takes RE2 patterns that match the whole text.",
        examples=["strict"],
    )
    metric_names: _Names = Field(
        (),
        description="Names of metrics, or patterns of them, of which one has to match; of a scraped"
        " histogram or summary the name without _bucket, _sum and _count.",
        examples=[["cloudtuner_kubecost_pod_.*"]],
    )
    resource_attributes: _Attributes = Field(
        (),
        validation_alias=AliasChoices("resource_attributes", "resources"),
        description="Attributes of the resource, which have to match all.",
        examples=[[{"key": "k8s.cluster.name", "value": "staging-.*"}]],
    )

    @property
    def _conditions(self) -> Mapping[str, Sequence[object]]:
        return {
            "metric_names": self.metric_names,
            "resource_attributes": self.resource_attributes,
        }

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not any(self._conditions.values()):
            raise ValueError(f"names nothing; add one of {', '.join(self._conditions)}")
        return self


class PointMatch(MetricMatch):
    """Some metrics, or some of their data points."""

    attributes: _Attributes = Field(
        (),
        description="Attributes of the data point, which have to match all.",
        examples=[[{"key": "k8s.namespace.name", "value": "kube-.*"}]],
    )

    @property
    def _conditions(self) -> Mapping[str, Sequence[object]]:
        return {**super()._conditions, "attributes": self.attributes}


class MetricMatcher:
    """Whether a metric is meant."""

    def __init__(self, options: MetricMatch) -> None:
        self._names = [_text_test(options.match_type, name) for name in options.metric_names]
        self._resource = AttributesMatcher(options.match_type, options.resource_attributes)

    def matches(self, resource: Resource, name: str) -> bool:
        named = not self._names or any(test(name) for test in self._names)
        return named and self._resource.matches(resource.attributes)


class AttributesMatcher:
    """Whether attributes have all the values that are wanted."""

    def __init__(self, match_type: MatchType, wanted: Iterable[AttributeMatch]) -> None:
        self._tests = [(one.key, _ValueTest(_text_test(match_type, one.value))) for one in wanted]

    def __bool__(self) -> bool:
        return bool(self._tests)

    def matches(self, attributes: Mapping[str, Any] | None) -> bool:
        of = attributes or {}
        return all(key in of and test.matches(of[key]) for key, test in self._tests)

    def hits(self, points: Sequence[Any], own_label: str = "") -> Iterable[bool]:
        """For each of ``points`` whether it matches; ``own_label`` is none of its attributes."""
        if not isinstance(points, PointColumns):
            return (self.matches(point.attributes) for point in points)
        of = column_attributes(points)
        if not {key for key, _ in self._tests} <= of.keys() - {own_label}:
            return repeat(False, len(points))
        rows, is_sparse = points.row_numbers(), points.table.is_sparse
        found = [test.hits(of[key], rows, is_sparse=is_sparse) for key, test in self._tests]
        return map(all, zip(*found, strict=True))


class _ValueTest:
    """Whether a value matches, as text.

    What was found of a column is kept until another comes, for the metrics that share it.
    """

    def __init__(self, test: _Test) -> None:
        self._test = test
        self._in_column = lru_cache(maxsize=1)(self._of_values)

    def matches(self, value: Any) -> bool:
        return self._test(label_text(value))

    def hits(
        self, value: str | StringColumn, rows: Sequence[int], *, is_sparse: bool
    ) -> Iterable[bool]:
        """For each of ``rows`` of a column, or of what they all have.

        In a sparse column an empty text is none, and does not match.
        """
        if isinstance(value, str):
            return repeat(self.matches(value), len(rows))
        return map(self._in_column(value, is_sparse).__getitem__, value.codes_at(rows))

    def _of_values(self, column: StringColumn, is_sparse: bool) -> list[bool]:
        return [bool(value or not is_sparse) and self.matches(value) for value in column.values]


def _text_test(match_type: MatchType, text: str | None) -> _Test:
    if text is None:
        return lambda _: True
    return Pattern(text).matches if match_type == "regexp" else text.__eq__
