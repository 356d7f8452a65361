"""Summaries to series: quantiles, which somebody else worked out, sum and count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otel_kubecost.exporters.series.floats import format_float
from otel_kubecost.exporters.series.labels import sorted_labels
from otel_kubecost.exporters.series.model import Sample, Series
from otel_kubecost.pdata import SummaryDataPoint


def summary_series(
    family: str, labels: Mapping[str, str], point: SummaryDataPoint
) -> Iterator[Series]:
    """One a quantile, as they come, then ``_sum``, where it is known, and ``_count``."""
    time = point.time_unix_nano // 1_000_000
    start = (point.start_time_unix_nano or 0) // 1_000_000
    for at in point.quantile_values:
        one = sorted_labels(family, {**labels, "quantile": format_float(at.quantile)})
        yield Series(one, (Sample(time, float(at.value)),), (), start)
    for suffix, value in (("sum", point.sum), ("count", point.count)):
        if value is not None:
            one = sorted_labels(f"{family}_{suffix}", labels)
            yield Series(one, (Sample(time, float(value)),), (), start)
