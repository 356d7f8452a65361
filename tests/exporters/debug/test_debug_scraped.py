"""What was scraped, printed for people."""

from array import array

from scraped_batches import TIME, histogram, scraped, sparse, summary, target, waits

from otel_kubecost.exporters.debug.detailed import in_full
from otel_kubecost.exporters.debug.normal import in_short
from otel_kubecost.pdata import PointDetails

QUANTILES = sparse(("queue", "quantile"), [("a", "0.5"), ("a", "0.99")], [0.25, float("nan")])
TOOK = summary("took", QUANTILES, count=sparse(("queue",), [("a",)], [3.0]))


def test_normal_is_a_line_for_each_point_of_a_page():
    """Of a histogram and a summary one, with its buckets or its quantiles; no empty labels."""
    gauge = scraped("up", sparse(("a", "b"), [("x", ""), ("", "")]))
    found = list(in_short(target(gauge, waits(queues=["a"]), TOOK)))
    assert found[2:] == [
        "up{a=x} 0",
        "up{} 1",
        "wait{queue=a} count=3 sum=1.5 le1=2 1",
        "took{queue=a} count=3 sum=0 q0.5=0.25 q0.99=NaN",
    ]


def test_detailed_has_types_quantiles_and_times():
    """As the Collector prints a summary; the type is metadata, as it is in OTLP."""
    _, _, metric, point = in_full(target(TOOK))
    assert (
        metric
        == """\
Metric #0
Descriptor:
     -> Name: took
     -> Description: Help.
     -> Unit: seconds
     -> DataType: Summary
Metadata:
     -> prometheus.type: Str(summary)"""
    )
    assert (
        point
        == """\
SummaryDataPoints #0
Data point attributes:
     -> queue: Str(a)
StartTimestamp: 1970-01-01 00:00:00 +0000 UTC
Timestamp: 1970-01-01 00:01:00 +0000 UTC
Count: 3
Sum: 0
QuantileValue #0: Quantile 0.5, Value 0.25
QuantileValue #1: Quantile 0.99, Value NaN"""
    )


def test_detailed_has_the_times_that_points_have_for_themselves():
    """And of a histogram without a sum it prints none."""
    timed = PointDetails(times=array("q", [TIME + 10**9]), starts=array("q", [10**9]))
    points = [
        scraped("seen", sparse((), [()], details=timed)),
        histogram("wait", count=sparse((), [()], [3.0], timed)),
    ]
    _, _, _, seen, _, wait = in_full(target(*points))
    for point in (seen, wait):
        assert "StartTimestamp: 1970-01-01 00:00:01" in point
        assert "\nTimestamp: 1970-01-01 00:01:01" in point
    assert "Sum" not in wait
