"""Where the labels of a resource's series come from, but for those of their own points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from otel_kubecost.exporters.series.columns import ResourceColumns
from otel_kubecost.exporters.series.labels import labels_named, scraped_name, translated_name
from otel_kubecost.exporters.series.resource import ResourceLabels


class Labelling:
    """Labels for the points of a resource: rows for rows, columns for columns."""

    def __init__(self, inherited: Mapping[str, str], name_of: Callable[[str], str]) -> None:
        """``inherited`` are the labels of the resource, ``name_of`` names those of attributes."""
        self.columns = ResourceColumns(inherited, name_of)
        self._inherited = inherited
        self._name_of = name_of

    def of(self, attributes: Mapping[str, Any] | None) -> dict[str, str]:
        """The labels of a point."""
        return {**self._inherited, **labels_named(attributes, self._name_of)}


class ResourceLabelling:
    """Of what was measured in a resource, and of what was scraped from it."""

    def __init__(self, labels: ResourceLabels, label_names: Mapping[str, str]) -> None:
        self.measured = Labelling(labels.every, partial(translated_name, label_names=label_names))
        self._labels = labels
        self._name_of = partial(scraped_name, label_names=label_names)
        self._scraped: dict[frozenset[str], Labelling] = {}

    def scraped(self, without: frozenset[str]) -> Labelling:
        """Series that have not the resource's own labels of these names."""
        if without not in self._scraped:
            self._scraped[without] = Labelling(self._labels.without(without), self._name_of)
        return self._scraped[without]
