"""Metrics under new names, of which another may have one already."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import Metric

from otel_kubecost.pdata import ScrapedMetric
from otel_kubecost.processors.editing.joining import joined, kind_of, traits_of
from otel_kubecost.processors.editing.points import size, with_points
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class Named(NamedTuple):
    """A metric under the name that it shall have."""

    metric: Metric
    before: Metric
    """The one that it was, or of which it is a copy."""
    is_copy: bool = False

    @property
    def is_new(self) -> bool:
        """Whether its name was not there as its own."""
        return self.is_copy or self.metric.name != self.before.name

    def as_it_was(self) -> Named:
        return self._replace(metric=replace(self.before, data=self.metric.data))


def renamed(metric: Metric, name: str) -> Metric:
    """``metric`` with another name, whose family, if it was scraped, is renamed as it is.

    ``foo_total`` of ``foo`` that becomes ``bar_total`` is of ``bar`` then.
    """
    if not isinstance(metric, ScrapedMetric):
        return replace(metric, name=name)
    family = metric.family
    suffix = metric.name[len(family) :] if family and metric.name.startswith(family) else ""
    renamed_family = name.removesuffix(suffix) if suffix else name
    return replace(metric, name=name, family="" if renamed_family == name else renamed_family)


class Naming:
    """Gives a scope's metrics their names, and says which of them cannot have theirs."""

    def __init__(self) -> None:
        self._refused: set[tuple[str, str]] = set()

    def settled(self, metrics: Iterable[Named]) -> list[Metric]:
        """The metrics of one scope, in their order.

        Who has had a name keeps it. Another that gets it becomes one with it, where both are of
        one type and unit and have no series in common: nothing is added up, for nothing says that
        two metrics count the same. Where that cannot be it keeps its old name, and a copy is none.
        """
        every = list(metrics)
        while True:
            result, refused = _placed(every)
            if not refused:
                return result
            for at in refused:
                self._report(every[at])
            # Who keeps a name has it again, perhaps against another that was to get it.
            every = [
                one.as_it_was() if at in refused else one
                for at, one in enumerate(every)
                if not (one.is_copy and at in refused)
            ]

    def _report(self, refused: Named) -> None:
        name, new_name = refused.before.name, refused.metric.name
        if (name, new_name) in self._refused:
            return
        self._refused.add((name, new_name))
        what = f"No copy of {name} is made" if refused.is_copy else f"{name} keeps its name"
        _log.warning(
            f"{what}: there is a {new_name} with a series in common, or of another type or unit",
            metric=name,
            hint="add a label that tells their series apart, or choose another new_name",
        )


def _placed(metrics: Sequence[Named]) -> tuple[list[Metric], list[int]]:
    """Metrics, those of one name joined; and the places of those that cannot have their names."""
    result = {at: one.metric for at, one in enumerate(metrics)}
    owners = {_place(one): at for at, one in enumerate(metrics) if not one.is_new}
    refused = []
    for at, one in enumerate(metrics):
        owner = owners.setdefault(_place(one), at) if one.is_new else at
        if owner != at:
            both = _both(result[owner], result.pop(at))
            result[owner] = both or result[owner]
            refused += [] if both else [at]
    return list(result.values()), refused


def _place(one: Named) -> Hashable:
    """Where there may be one metric; of those that were scraped there are more of a name."""
    return one.metric.name, traits_of(one.metric)


def _both(one: Metric, other: Metric) -> Metric | None:
    """Two metrics as one; None where they cannot be."""
    if kind_of(one) != kind_of(other):
        return None
    points = joined([one, other]).points
    count = size(one.data.data_points) + size(other.data.data_points)
    return with_points(one, points) if size(points) == count else None
