"""Short ways to say MetricsData, for the tests of the translation."""

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.exporters.series.translate import Translation, Translator
from otel_kubecost.pdata import metrics_of

TIME = 1_700_000_000_000
"""Milliseconds, as samples have them."""

CUMULATIVE = AggregationTemporality.CUMULATIVE
DELTA = AggregationTemporality.DELTA


def nanos(milliseconds):
    return milliseconds * 1_000_000


def point(value=1.0, attributes=None, time=TIME, start=TIME - 1000, exemplars=()):
    return NumberDataPoint(attributes, nanos(start), nanos(time), value, exemplars)


def gauge(name, *points, unit="", description=""):
    return Metric(name, description, unit, Gauge(points or [point()]))


def counter(name, *points, unit="", temporality=CUMULATIVE, monotonic=True):
    return Metric(name, "", unit, Sum(points or [point()], temporality, monotonic))


def histogram_point(counts, bounds, total=10.0, *, attributes=None, time=TIME, exemplars=()):
    return HistogramDataPoint(
        attributes, 0, nanos(time), sum(counts), total, counts, bounds, 0.0, 0.0, exemplars
    )


def histogram(name, *points, unit="", temporality=CUMULATIVE):
    return Metric(name, "", unit, Histogram(points, temporality))


def exponential_point(
    positive, scale=0, *, offset=0, negative=(), negative_offset=0, zero=0, total=10.0, time=TIME
):
    count = sum(positive) + sum(negative) + zero
    sides = Buckets(offset, positive), Buckets(negative_offset, negative)
    return ExponentialHistogramDataPoint(
        {}, 0, nanos(time), count, total, scale, zero, *sides, 0, 0.0, 0.0
    )


def exponential(name, *points, temporality=CUMULATIVE):
    return Metric(name, "", "", ExponentialHistogram(points, temporality))


def batch(*metrics, resource=None, scope="test"):
    return MetricsData([metrics_of(resource or {}, [(InstrumentationScope(scope), metrics)])])


def joined(*batches):
    """One batch with the resources of all."""
    return MetricsData([one for data in batches for one in data.resource_metrics])


def translated(data, **translation):
    """The samples of a batch: (name, other labels, time, value), in order."""
    return samples(Translator(Translation(**translation)).translate(data))


def samples(families):
    return [
        (
            dict(series.labels)["__name__"],
            labels_without_name(series),
            sample.timestamp,
            sample.value,
        )
        for family in families
        for series in family.series
        for sample in series.samples
    ]


def labels_without_name(series):
    return {name: value for name, value in series.labels if name != "__name__"}


def labels_of_only(data, **translation):
    """The labels of the one series of a batch, without its name."""
    [(_, labels, _, _)] = translated(data, **translation)
    return labels


def totals(families):
    """Values of the series of one histogram by le, or by suffix."""
    return {
        labels.get("le", name.rpartition("_")[2]): value
        for name, labels, _, value in samples(families)
    }
