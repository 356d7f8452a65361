"""What scraping a target gives: every type, rows without all labels, times of their own."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    Metric,
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
    metrics_of,
    nanoseconds,
)

_TARGET = {
    "service.name": "node",
    "service.instance.id": "127.0.0.1:9100",
    "server.address": "127.0.0.1",
    "server.port": "9100",
    "url.scheme": "http",
}
_CUMULATIVE = AggregationTemporality.CUMULATIVE


def scraped(at: float) -> MetricsData:
    """Of one target; ``at`` is seconds since the epoch."""
    scope = TargetScope("otel_kubecost.receivers.prometheus", "http://127.0.0.1:9100/metrics")
    metrics = [*_numbers(at), _histogram(at), _summary(at)]
    return MetricsData([metrics_of(_TARGET, [(scope, metrics)])])


def rows(
    at: float,
    keys: Sequence[str],
    found: Sequence[tuple[Sequence[str], float]],
    details: PointDetails | None = None,
) -> PointColumns:
    """Columns over a sparse table: an empty text is no label."""
    texts = [StringColumn.of(row[place] for row, _ in found) for place in range(len(keys))]
    return PointColumns(
        AttributeTable(keys, texts, len(found), is_sparse=True),
        array("d", (value for _, value in found)),
        constant={"zone": "a"},
        time_unix_nano=nanoseconds(at),
        details=details,
    )


def _numbers(at: float) -> list[Metric]:
    containers = [(("web", "nginx"), 1.0), (("pause", ""), 2.0), (("", ""), 3.0)]
    memory = rows(at, ("container", "image"), containers)
    later = array("q", (nanoseconds(at - second) for second in (1, 2, 3)))
    timed = rows(at, ("container", "image"), containers, PointDetails(times=later))
    traced = Exemplar({"user": "7"}, 1.0, nanoseconds(at), trace_id=0xAB)
    began = PointDetails(starts=array("q", [nanoseconds(at - 60)] * 2), exemplars={1: [traced]})
    requests = rows(at, ("code",), [(("200",), 7.0), (("500",), 1.0)], began)
    build = rows(at, ("version",), [(("1.0",), 1.0)])
    other = rows(at, ("job", "instance"), [(("db", ""), 5.0)])
    return [
        ScrapedMetric("up", "", "", Gauge(rows(at, (), [((), 1.0)])), ExpositionType.GAUGE),
        ScrapedMetric("memory_bytes", "Used.", "bytes", Gauge(memory), ExpositionType.GAUGE),
        ScrapedMetric("seen", "", "", Gauge(timed), is_tracked=False),
        ScrapedMetric("requests_total", "Served.", "", Sum(requests, _CUMULATIVE, True),
                      ExpositionType.COUNTER, "requests"),
        ScrapedMetric("requests_created", "", "", Gauge(rows(at, (), [((), at - 60)])),
                      for_series_only=True),
        ScrapedMetric("build_info", "", "", Sum(build, _CUMULATIVE, False), ExpositionType.INFO,
                      "build"),
        ScrapedMetric("memory_bytes", "Used.", "bytes", Gauge(other), ExpositionType.GAUGE,
                      without=frozenset({"job", "instance"})),
    ]  # fmt: skip


def _histogram(at: float) -> Metric:
    buckets = [(("/", le), value) for le, value in (("0.1", 3.0), ("+Inf", 5.0))]
    parts = {
        "_bucket": rows(at, ("route", "le"), buckets),
        "_sum": rows(at, ("route",), [(("/",), 0.9)]),
        "_count": rows(at, ("route",), [(("/",), 5.0)]),
    }
    data = Histogram(HistogramParts(parts), _CUMULATIVE)
    return ScrapedMetric("wait_seconds", "Waited.", "seconds", data, ExpositionType.HISTOGRAM)


def _summary(at: float) -> Metric:
    quantiles = [(("/", of), value) for of, value in (("0.5", 0.1), ("0.9", 0.4))]
    parts = {
        "": rows(at, ("route", "quantile"), quantiles),
        "_sum": rows(at, ("route",), [(("/",), 0.9)]),
        "_count": rows(at, ("route",), [(("/",), 5.0)]),
    }
    data = Summary(SummaryParts(parts))
    # The SDK's type says which data a metric may have; a summary is none of its.
    return ScrapedMetric("took_seconds", "Took.", "seconds", data, ExpositionType.SUMMARY)  # type: ignore[arg-type]
