"""Histograms to the series of a classic Prometheus histogram.

    bounds 0, 5   counts 1, 2, 3      foo_bucket{le="0"} 1   foo_bucket{le="5"} 3
                                      foo_bucket{le="+Inf"} 6   foo_sum   foo_count 6

An exponential histogram becomes the same thing with the bounds that its scale implies: classic is
what every receiver of remote write 1.0 takes.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    Buckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)

from otel_kubecost.exporters.series.exemplars import series_exemplars
from otel_kubecost.exporters.series.floats import format_float
from otel_kubecost.exporters.series.labels import sorted_labels
from otel_kubecost.exporters.series.model import Sample, Series

HistogramPoint: TypeAlias = HistogramDataPoint | ExponentialHistogramDataPoint


def histogram_series(
    family: str, labels: Mapping[str, str], point: HistogramPoint
) -> Iterator[Series]:
    """The ``_bucket`` series in ascending ``le``, then ``_sum``, where it is known, and ``_count``.

    Raises ValueError for a point whose bounds and counts do not belong together.
    """
    time = point.time_unix_nano // 1_000_000
    start = (point.start_time_unix_nano or 0) // 1_000_000
    totals = {**_totals(point), math.inf: point.count}
    exemplars = _by_bucket(list(totals), point.exemplars)
    for at, (bound, total) in enumerate(totals.items()):
        bucket = sorted_labels(f"{family}_bucket", {**labels, "le": format_float(bound)})
        behind = series_exemplars(exemplars[at])
        yield Series(bucket, (Sample(time, float(total)),), behind, start)
    sums: dict[str, float | None] = {"sum": point.sum, "count": point.count}
    for suffix, value in sums.items():
        if value is not None:
            one = sorted_labels(f"{family}_{suffix}", labels)
            yield Series(one, (Sample(time, float(value)),), (), start)


def _totals(point: HistogramPoint) -> dict[float, int]:
    """For each finite bound, ascending, the observations up to it."""
    if isinstance(point, HistogramDataPoint):
        buckets = _explicit_buckets(point.explicit_bounds, point.bucket_counts)
    else:
        buckets = _exponential_buckets(point)
    totals = accumulate(count for _, count in buckets)
    # Bounds beyond the range of floats coincide; the last total of a bound is the whole of it.
    return {
        bound: total
        for (bound, _), total in zip(buckets, totals, strict=True)
        if math.isfinite(bound)
    }


def _explicit_buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[float, int]]:
    if len(counts) != len(bounds) + 1 and (bounds or counts):
        raise ValueError(f"{len(counts)} buckets for {len(bounds)} bounds")
    if not all(low < high for low, high in pairwise(bounds)):
        raise ValueError("bounds are not ascending")
    return [(float(bound), count) for bound, count in zip(bounds, counts, strict=False)]


def _exponential_buckets(point: ExponentialHistogramDataPoint) -> list[tuple[float, int]]:
    """Bucket ``i`` holds ``base**i < |x| <= base**(i+1)`` with ``base = 2 ** (2 ** -scale)``."""
    zero = [(0.0, point.zero_count)] if point.zero_count else []
    below = [(0.0 - _power(at, point.scale), count) for at, count in _numbered(point.negative)]
    above = [(_power(at + 1, point.scale), count) for at, count in _numbered(point.positive)]
    return [*reversed(below), *zero, *above]


def _numbered(buckets: Buckets) -> Iterable[tuple[int, int]]:
    """Index and count of each bucket; nothing of a side without observations."""
    counts = buckets.bucket_counts
    return enumerate(counts, buckets.offset) if any(counts) else ()


def _power(index: int, scale: int) -> float:
    """``base ** index``; infinite beyond the largest float."""
    try:
        return float(2.0 ** math.ldexp(index, -scale))
    except OverflowError:
        return math.inf


def _by_bucket(
    bounds: Sequence[float], exemplars: Sequence[Exemplar]
) -> Mapping[int, list[Exemplar]]:
    buckets: dict[int, list[Exemplar]] = defaultdict(list)
    for exemplar in exemplars:
        buckets[bisect_left(bounds, exemplar.value)].append(exemplar)
    return buckets
