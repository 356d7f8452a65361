"""Delta points to cumulative ones: Prometheus' counters and histograms only ever grow.

A total starts with the first delta of its series. What cannot be added to it (a histogram with
other bounds) starts it anew, which Prometheus reads as the reset that it is. A delta that ends no
later than the total does has been counted: the total stands, so a batch that comes twice is
harmless.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable
from dataclasses import replace

from opentelemetry.sdk.metrics.export import (
    Buckets,
    DataPointT,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
)

FORGET_AFTER = 3_600_000_000_000
"""Nanoseconds. A series without a delta for so long is forgotten; later it starts from nothing."""

MAX_BUCKETS = 160
"""Of one side of an exponential total, as in the SDK; beyond it the scale shrinks."""


class Totals:
    """Running totals by series. Not for several threads at once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, DataPointT] = {}
        self._newest = 0

    def add(self, series: Hashable, delta: DataPointT) -> DataPointT:
        """The total of ``series`` with ``delta`` in it, as a cumulative point.

        Raises ValueError for a delta that is not finite: no total would survive it.
        """
        amount = delta.value if isinstance(delta, NumberDataPoint) else delta.sum
        if not math.isfinite(amount):
            raise ValueError(f"a delta of {amount} cannot be added")
        known = self._known.get(series)
        if known is not None and delta.time_unix_nano <= known.time_unix_nano:
            return known
        total = delta if known is None else _added(known, delta)
        self._known[series] = total
        self._newest = max(self._newest, delta.time_unix_nano)
        return total

    def forget_idle(self) -> None:
        """Forget series that have not come for ``FORGET_AFTER``, seen from the newest point."""
        oldest = self._newest - FORGET_AFTER
        idle = [series for series, total in self._known.items() if total.time_unix_nano < oldest]
        for series in idle:
            del self._known[series]


def _added(total: DataPointT, delta: DataPointT) -> DataPointT:
    match total, delta:
        case NumberDataPoint(), NumberDataPoint():
            return replace(
                delta,
                start_time_unix_nano=total.start_time_unix_nano,
                value=total.value + delta.value,
            )
        case HistogramDataPoint(), HistogramDataPoint() if _same_buckets(total, delta):
            counts = zip(total.bucket_counts, delta.bucket_counts, strict=True)
            return replace(
                delta,
                start_time_unix_nano=total.start_time_unix_nano,
                count=total.count + delta.count,
                sum=total.sum + delta.sum,
                bucket_counts=[before + more for before, more in counts],
            )
        case ExponentialHistogramDataPoint(), ExponentialHistogramDataPoint():
            return _added_exponential(total, delta)
    return delta


def _same_buckets(total: HistogramDataPoint, delta: HistogramDataPoint) -> bool:
    same_count = len(total.bucket_counts) == len(delta.bucket_counts)
    return same_count and list(total.explicit_bounds) == list(delta.explicit_bounds)


def _added_exponential(
    total: ExponentialHistogramDataPoint, delta: ExponentialHistogramDataPoint
) -> ExponentialHistogramDataPoint:
    scale = min(
        _scale_for((total.positive, total.scale), (delta.positive, delta.scale)),
        _scale_for((total.negative, total.scale), (delta.negative, delta.scale)),
    )
    down_total, down_delta = total.scale - scale, delta.scale - scale
    return replace(
        delta,
        start_time_unix_nano=total.start_time_unix_nano,
        count=total.count + delta.count,
        sum=total.sum + delta.sum,
        scale=scale,
        zero_count=total.zero_count + delta.zero_count,
        positive=_added_buckets((total.positive, down_total), (delta.positive, down_delta)),
        negative=_added_buckets((total.negative, down_total), (delta.negative, down_delta)),
    )


def _scale_for(*sides: tuple[Buckets, int]) -> int:
    """The largest scale at which the buckets of all sides together are ``MAX_BUCKETS`` at most."""
    scale = min(own for _, own in sides)
    ends = [
        (buckets.offset, buckets.offset + len(buckets.bucket_counts) - 1, own)
        for buckets, own in sides
        if any(buckets.bucket_counts)
    ]
    while ends:
        low = min(first >> (own - scale) for first, _, own in ends)
        high = max(last >> (own - scale) for _, last, own in ends)
        if high - low < MAX_BUCKETS:
            break
        scale -= 1
    return scale


def _added_buckets(*sides: tuple[Buckets, int]) -> Buckets:
    """The buckets of all sides, each after ``down`` scales less: two become one, that often."""
    counts: Counter[int] = Counter()
    for buckets, down in sides:
        for index, count in enumerate(buckets.bucket_counts, buckets.offset):
            if count:
                counts[index >> down] += count
    first = min(counts, default=0)
    return Buckets(first, [counts[index] for index in range(first, max(counts, default=-1) + 1)])
