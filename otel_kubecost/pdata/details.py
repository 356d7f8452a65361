"""What single points of columns have beside the values: times of their own, starts, exemplars."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from opentelemetry.sdk.metrics import Exemplar


@dataclass(frozen=True, slots=True)
class PointDetails:
    """Columns as long as the values that they belong to; None says the same of all points."""

    times: array[int] | None = None
    """Nanoseconds since the epoch, typecode ``q``."""
    starts: array[int] | None = None
    """As ``times``: since when a total has been counting; 0 is not known."""
    exemplars: Mapping[int, Sequence[Exemplar]] | None = None
    """By the place of their point."""

    def select(self, places: Sequence[int]) -> PointDetails:
        """Of the points at these places, ascending."""
        exemplars = None
        if self.exemplars is not None:
            found = self.exemplars
            exemplars = {at: found[place] for at, place in enumerate(places) if place in found}
        return PointDetails(_chosen(self.times, places), _chosen(self.starts, places), exemplars)


def _chosen(column: array[int] | None, places: Sequence[int]) -> array[int] | None:
    return None if column is None else array("q", map(column.__getitem__, places))
