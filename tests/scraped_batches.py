"""What scraping gives, as hypothesis draws it, and what OTLP has of it."""

from array import array
from itertools import pairwise

from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    MetricsData,
    Sum,
)

from otel_kubecost.pdata import (
    AttributeTable,
    ExpositionType,
    HistogramParts,
    PointColumns,
    PointDetails,
    ScrapedMetric,
    StringColumn,
    Summary,
    SummaryParts,
    TargetScope,
    coalesced,
    metrics_of,
)

CUMULATIVE = AggregationTemporality.CUMULATIVE
TIME = 60_000_000_000
UNKNOWN = ExpositionType.UNKNOWN
TARGET = {"service.name": "job", "service.instance.id": "host:80"}
VALUES = st.sampled_from([0.0, 1.0, 2.0, 3.0, 0.5, float("inf"), float("nan")])
NUMBERS = {
    ExpositionType.GAUGE: Gauge,
    ExpositionType.UNKNOWN: Gauge,
    ExpositionType.GAUGE_HISTOGRAM: Gauge,
    ExpositionType.HISTOGRAM: Gauge,
    ExpositionType.COUNTER: lambda points: Sum(points, CUMULATIVE, is_monotonic=True),
    ExpositionType.INFO: lambda points: Sum(points, CUMULATIVE, is_monotonic=False),
    ExpositionType.STATESET: lambda points: Sum(points, CUMULATIVE, is_monotonic=False),
}
"""What a family's series are by its type; of a histogram those without a suffix of one."""


def sparse(keys, rows, values=None, details=None, **constant):
    """Columns in whose rows an empty text is no label."""
    columns = [StringColumn.of(row[at] for row in rows) for at in range(len(keys))]
    table = AttributeTable(keys, columns, len(rows), is_sparse=True)
    given = range(len(rows)) if values is None else values
    return PointColumns(
        table, array("d", given), constant=constant, time_unix_nano=TIME, details=details
    )


def target(*metrics, name="prometheus", address="http://host:80/metrics", **resource):
    scope = TargetScope(f"otel_kubecost.receivers.{name}", address)
    return MetricsData([metrics_of({**TARGET, **resource}, [(scope, metrics)])])


def scraped(name, points, kind=ExpositionType.GAUGE, **about):
    return ScrapedMetric(name, "Help.", "", NUMBERS[kind](points), kind, **about)


def histogram(name, **parts):
    data = Histogram(HistogramParts({f"_{key}": part for key, part in parts.items()}), CUMULATIVE)
    return ScrapedMetric(name, "Help.", "seconds", data, ExpositionType.HISTOGRAM)


def summary(name, quantiles, **parts):
    data = Summary(SummaryParts({"": quantiles, **{f"_{key}": one for key, one in parts.items()}}))
    return ScrapedMetric(name, "Help.", "seconds", data, ExpositionType.SUMMARY)


def waits(name="wait", queues=("a", "b"), **constant):
    """A histogram of each queue: three observations, of which one took longer than a second."""
    buckets = [(queue, le) for queue in queues for le in ("1.0", "+Inf")]
    each = [(queue,) for queue in queues]
    return histogram(
        name,
        bucket=sparse(("queue", "le"), buckets, [2.0, 3.0] * len(queues), **constant),
        sum=sparse(("queue",), each, [1.5] * len(queues), **constant),
        count=sparse(("queue",), each, [3.0] * len(queues), **constant),
    )


def rows_of(metric):
    """Every row of a metric, that of a part with its suffix, and all that is said of it."""
    points = metric.data.data_points
    parts = getattr(points, "by_suffix", {"": points})
    return sorted(
        (suffix, sorted(point.attributes.items()), point.value, point.time_unix_nano,
         point.start_time_unix_nano, str(point.exemplars))
        for suffix, part in parts.items()
        for point in part
    )  # fmt: skip


@st.composite
def details(draw, count, *, has_times=True):
    moments = st.lists(st.integers(1, 9), min_size=count, max_size=count)
    times, starts = (array("q", draw(moments)) for _ in range(2))
    traced = [Exemplar({"a": "b"}, 1.5, 9, span_id=1, trace_id=2)]
    exemplars = {
        at: traced for at in draw(st.sets(st.integers(0, max(0, count - 1)))) if at < count
    }
    return PointDetails(
        draw(st.sampled_from([times if has_times else None, None])),
        draw(st.sampled_from([starts, None])),
        draw(st.sampled_from([exemplars, None])),
    )


TEXTS = st.sampled_from(["", "x", "y", "z"])
CONSTANTS = st.sampled_from([{}, {"zone": "one"}])


@st.composite
def columns(draw, keys=("a", "b"), values=VALUES, has_times=True, also=()):
    """``also``: a further key with what its texts are drawn from."""
    texts = [TEXTS] * len(keys)
    if also:
        keys, texts = (*keys, also[0]), [*texts, also[1]]
    rows = draw(st.lists(st.tuples(*texts), unique=True, max_size=8))
    said = draw(st.none() | details(len(rows), has_times=has_times))
    found = draw(st.lists(values, min_size=len(rows), max_size=len(rows)))
    return sparse(keys, rows, found, said, **draw(CONSTANTS))


@st.composite
def metrics(draw, values=VALUES, has_times=True):
    """One of any type; of a histogram and a summary parts in which rows may be missing."""
    part = columns(("a",), values, has_times)
    name, unit = draw(st.sampled_from(["foo", "foo_total"])), draw(st.sampled_from(["", "seconds"]))
    kind = draw(st.sampled_from([*ExpositionType]))
    parts = {suffix: draw(part) for suffix in draw(st.sets(st.sampled_from(["_sum", "_count"])))}
    if kind is ExpositionType.HISTOGRAM and draw(st.booleans()):
        le = ("le", st.sampled_from(["0.1", "1", "1e1", "+Inf", "NaN", "", "junk"]))
        buckets = {"_bucket": draw(columns(("a",), values, has_times, le))}
        return ScrapedMetric(name, "", unit, Histogram(HistogramParts({**buckets, **parts}),
                                                       CUMULATIVE), kind)  # fmt: skip
    if kind is ExpositionType.SUMMARY:
        of = ("quantile", st.sampled_from(["0", "0.5", "0.99", "", "junk"]))
        quantiles = {"": draw(columns(("a",), values, has_times, of))}
        return ScrapedMetric(name, "", unit, Summary(SummaryParts({**quantiles, **parts})), kind)
    data = NUMBERS[kind](draw(columns(values=values, has_times=has_times)))
    for_series_only = draw(st.booleans())
    return ScrapedMetric(name, "", unit, data, kind, for_series_only=for_series_only)


def pages(**options):
    return st.lists(metrics(**options), max_size=4).map(lambda found: target(*found))


def in_otlp(data):
    """The message of what ``metrics`` draws, part by part and point by point."""
    found = [one for one in _each(data) if not one.for_series_only]
    told = [one for one in found if one.type is not ExpositionType.GAUGE_HISTOGRAM]
    message = encode_metrics(coalesced(target(scraped("x", sparse(("a",), [("",)])))))
    del message.resource_metrics[0].scope_metrics[0].metrics[:]
    for metric in told:
        one = _metric(metric)
        if getattr(one, one.WhichOneof("data")).data_points:
            message.resource_metrics[0].scope_metrics[0].metrics.append(one)
    return message if message.resource_metrics[0].scope_metrics[0].metrics else type(message)()


def _each(data):
    return [one for of in data.resource_metrics for scope in of.scope_metrics
            for one in scope.metrics]  # fmt: skip


def _metric(metric):
    unit = {"seconds": "s"}.get(metric.unit, metric.unit)
    found = pb.Metric(name=metric.name, description=metric.description, unit=unit)
    said = metric.type
    if metric.type is ExpositionType.HISTOGRAM and isinstance(metric.data, Gauge):
        said = "unknown"
    found.metadata.add(key="prometheus.type").value.string_value = said
    match metric.data:
        case Histogram():
            found.histogram.aggregation_temporality = 2
            found.histogram.data_points.extend(map(_histogram, *_by_count(metric, "_bucket")))
        case Summary():
            found.summary.data_points.extend(map(_summary, *_by_count(metric, "")))
        case _:
            numbers = encode_metrics(coalesced(target(metric))).resource_metrics
            stock = numbers[0].scope_metrics[0].metrics[0] if numbers else pb.Metric()
            where = "gauge" if isinstance(metric.data, Gauge) else "sum"
            getattr(found, where).MergeFrom(getattr(stock, where))
    return found


def _by_count(metric, suffix):
    """Of each row with a number of observations: it, its sum and the rows of the other part."""
    parts = metric.data.data_points.by_suffix
    own = {"_bucket": "le", "": "quantile"}[suffix]
    counts = [one for one in parts.get("_count", ()) if one.value in range(10)]

    def like(count, other, apart=""):
        return [one for one in parts.get(other, ()) if without(one, apart) == count.attributes]

    def without(point, apart):
        return {key: text for key, text in point.attributes.items() if key != apart}

    return counts, [like(one, "_sum") for one in counts], [like(one, suffix, own) for one in counts]


def _common(point, kind, sums):
    found = kind(
        time_unix_nano=point.time_unix_nano,
        start_time_unix_nano=point.start_time_unix_nano,
        count=int(point.value),
    )
    for key, value in point.attributes.items():
        found.attributes.add(key=key).value.string_value = value
    if sums:
        found.sum = sums[0].value
    return found


def _histogram(count, sums, buckets):
    found = _common(count, pb.HistogramDataPoint, sums)
    bounds = {"0.1": 0.1, "1": 1.0, "1e1": 10.0}
    upto = [(bounds[one.attributes["le"]], one.value) for one in buckets
            if one.attributes.get("le") in bounds]  # fmt: skip
    totals = [0.0, *(value for _, value in sorted(upto, key=lambda one: one[0])), count.value]
    within = [after - before for before, after in pairwise(totals)]
    adds_up = all(one in range(10) for one in within)
    found.explicit_bounds.extend(sorted(bound for bound, _ in upto) if adds_up else [])
    found.bucket_counts.extend(map(int, within) if adds_up else [int(count.value)])
    exemplars = [one for bucket in buckets for one in bucket.exemplars]
    for one in exemplars:
        said = found.exemplars.add(time_unix_nano=one.time_unix_nano, as_double=one.value)
        said.span_id, said.trace_id = one.span_id.to_bytes(8), one.trace_id.to_bytes(16)
        said.filtered_attributes.add(key="a").value.string_value = "b"
    return found


def _summary(count, sums, quantiles):
    found = _common(count, pb.SummaryDataPoint, sums)
    for one in quantiles:
        if one.attributes.get("quantile") in {"0", "0.5", "0.99"}:
            at = float(one.attributes["quantile"])
            found.quantile_values.add(quantile=at, value=one.value)
    return found
