"""Short ways to say what was scraped, for the tests of what exporters make of it."""

from array import array

from opentelemetry.sdk.metrics.export import AggregationTemporality, Gauge, Histogram, Sum

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
)

TIME = 1_700_000_000_000
"""Milliseconds: when everything is scraped, unless something else is said."""

CUMULATIVE = AggregationTemporality.CUMULATIVE


def nanos(milliseconds):
    return milliseconds * 1_000_000


def rows(*labels, values=None, time=TIME, details=None, **constant):
    """Points of these label sets, one table with what they lack as empty strings."""
    keys = sorted({key for one in labels for key in one})
    columns = [StringColumn.of(one.get(key, "") for one in labels) for key in keys]
    table = AttributeTable(keys, columns, len(labels), is_sparse=True)
    numbers = array("d", values if values is not None else map(float, range(len(labels))))
    return PointColumns(
        table, numbers, constant=constant, time_unix_nano=nanos(time), details=details
    )


def at(*times):
    """Times that the page says, in milliseconds."""
    return PointDetails(times=array("q", map(nanos, times)))


def scraped(name, points, kind="gauge", **more):
    type_ = ExpositionType(kind)
    data = Gauge(points)
    if type_ is ExpositionType.COUNTER:
        data = Sum(points, CUMULATIVE, is_monotonic=True)
    about = {"description": f"About {name}.", "unit": ""} | more
    return ScrapedMetric(name, data=data, type=type_, **about)


def histogram(name, **parts):
    """Its parts by their suffix."""
    by_suffix = {f"_{suffix}": points for suffix, points in parts.items()}
    data = Histogram(HistogramParts(by_suffix), CUMULATIVE)
    return ScrapedMetric(name, f"About {name}.", "s", data, ExpositionType.HISTOGRAM)


def summary(name, quantiles, **parts):
    by_suffix = {"": quantiles, **{f"_{suffix}": points for suffix, points in parts.items()}}
    data = Summary(SummaryParts(by_suffix))
    return ScrapedMetric(name, f"About {name}.", "", data, ExpositionType.SUMMARY)


def target(*metrics, job="node", instance="host:9100", identity="", **attributes):
    """One scrape of one target."""
    resource = {
        "service.name": job, "service.instance.id": instance,
        "server.address": "host", "server.port": "9100", "url.scheme": "http", **attributes,
    }  # fmt: skip
    return metrics_of(resource, [(TargetScope("receiver", identity or instance), metrics)])
