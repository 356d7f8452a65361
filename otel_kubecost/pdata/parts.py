"""Histograms and summaries as Prometheus has them, a few series each; as points to all others.

    page                                part        its rows
    wait_bucket{queue="a",le="0.1"} 3   _bucket     queue=a, le=0.1   3
    wait_bucket{queue="a",le="+Inf"} 5                queue=a, le=+Inf  5
    wait_sum{queue="a"} 0.9             _sum        queue=a           0.9
    wait_count{queue="a"} 5             _count      queue=a           5

There is one point for each row of ``_count``. What has no count is in the parts alone, and so is
what is no number of observations, and a bucket or a quantile that does not say which.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import ClassVar, Generic, Self, TypeAlias, TypeVar, overload

from opentelemetry.sdk.metrics.export import HistogramDataPoint, NumberDataPoint

from otel_kubecost.pdata.columns import PointColumns
from otel_kubecost.pdata.summary import SummaryDataPoint, ValueAtQuantile

P = TypeVar("P", HistogramDataPoint, SummaryDataPoint)

_Key: TypeAlias = tuple[tuple[str, object], ...]
_Found: TypeAlias = dict[_Key, list[NumberDataPoint]]


class Parts(Sequence[P], Generic[P]):
    """The points that ``by_suffix`` stand for; the columns are there for who writes series."""

    __slots__ = ("by_suffix",)

    own_labels: ClassVar[Mapping[str, str]] = {}
    """By suffix the label that is part of what a point measures, and no attribute of it."""

    def __init__(self, by_suffix: Mapping[str, PointColumns]) -> None:
        """``by_suffix``: columns by what their series' names have behind the metric's."""
        self.by_suffix = dict(by_suffix)

    def map(self, change: Callable[[PointColumns], PointColumns]) -> Self:
        """The same with other columns."""
        return type(self)({suffix: change(part) for suffix, part in self.by_suffix.items()})

    @property
    def series(self) -> int:
        """How many rows there are in all parts together."""
        return sum(map(len, self.by_suffix.values()))

    def _points(self) -> Iterator[P]:
        raise NotImplementedError

    def __len__(self) -> int:
        counts = self.by_suffix.get("_count")
        return 0 if counts is None else sum(map(_is_count, counts.values))

    @overload
    def __getitem__(self, at: int) -> P: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[P]: ...
    def __getitem__(self, at: int | slice) -> P | Sequence[P]:
        return list(self._points())[at]

    def __iter__(self) -> Iterator[P]:
        return self._points()

    def _counts(self) -> Iterator[NumberDataPoint]:
        counts: Sequence[NumberDataPoint] = self.by_suffix.get("_count", ())
        return (point for point in counts if _is_count(point.value))

    def _rows(self, suffix: str, apart: str) -> _Found:
        """The points of a part by their attributes but ``apart``."""
        found: _Found = defaultdict(list)
        part: Sequence[NumberDataPoint] = self.by_suffix.get(suffix, ())
        for point in part:
            found[_key(point, apart)].append(point)
        return found


class HistogramParts(Parts[HistogramDataPoint]):
    """Classic histograms: parts ``_bucket`` (with a label ``le``), ``_sum``, ``_count``."""

    __slots__ = ()

    own_labels: ClassVar[Mapping[str, str]] = {"_bucket": "le"}

    def _points(self) -> Iterator[HistogramDataPoint]:
        buckets, sums = self._rows("_bucket", "le"), self._rows("_sum", "")
        for count in self._counts():
            key = _key(count, "")
            total = sums.get(key)
            bounds, counts = _buckets(buckets.get(key, []), int(count.value))
            yield HistogramDataPoint(
                attributes=count.attributes,
                start_time_unix_nano=count.start_time_unix_nano,
                time_unix_nano=count.time_unix_nano,
                count=int(count.value),
                sum=total[0].value if total else None,  # type: ignore[arg-type]  # absent, as in OTLP
                bucket_counts=counts,
                explicit_bounds=bounds,
                min=None,  # type: ignore[arg-type]  # what nobody measured is absent
                max=None,  # type: ignore[arg-type]
                exemplars=[one for point in buckets.get(key, []) for one in point.exemplars],
            )


class SummaryParts(Parts[SummaryDataPoint]):
    """Summaries: parts without a suffix (with a label ``quantile``), ``_sum``, ``_count``."""

    __slots__ = ()

    own_labels: ClassVar[Mapping[str, str]] = {"": "quantile"}

    def _points(self) -> Iterator[SummaryDataPoint]:
        quantiles, sums = self._rows("", "quantile"), self._rows("_sum", "")
        for count in self._counts():
            key = _key(count, "")
            total = sums.get(key)
            yield SummaryDataPoint(
                attributes=count.attributes,
                start_time_unix_nano=count.start_time_unix_nano,
                time_unix_nano=count.time_unix_nano,
                count=int(count.value),
                sum=total[0].value if total else None,
                quantile_values=tuple(_at_quantiles(quantiles.get(key, []))),
            )


def _is_count(value: float) -> bool:
    return 0 <= value < 2**63 and value == int(value)


def _key(point: NumberDataPoint, apart: str) -> _Key:
    return tuple(sorted(pair for pair in (point.attributes or {}).items() if pair[0] != apart))


def _buckets(points: Sequence[NumberDataPoint], count: int) -> tuple[list[float], list[int]]:
    """Bounds, and how many observations were in each bucket; one for all if they do not add up."""
    limits = sorted((limit, point.value) for limit, point in _labelled(points, "le"))
    bounds = [limit for limit, _ in limits if limit != math.inf]
    totals = [0.0, *(value for limit, value in limits if limit != math.inf), float(count)]
    counts = [after - before for before, after in pairwise(totals)]
    return (bounds, list(map(int, counts))) if all(map(_is_count, counts)) else ([], [count])


def _at_quantiles(points: Sequence[NumberDataPoint]) -> Iterator[ValueAtQuantile]:
    for quantile, point in _labelled(points, "quantile"):
        yield ValueAtQuantile(quantile, point.value)


def _labelled(
    points: Iterable[NumberDataPoint], label: str
) -> Iterator[tuple[float, NumberDataPoint]]:
    """The points that have a number there."""
    for point in points:
        with suppress(KeyError, ValueError):
            number = float(str((point.attributes or {})[label]))
            if not math.isnan(number):
                yield number, point
