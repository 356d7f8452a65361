"""What was scraped, as the OpenTelemetry specification has it in OTLP."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import Metric
from otlp_batches import at_any_pace
from otlp_data import batch
from scraped_batches import (
    TIME,
    ExpositionType,
    histogram,
    in_otlp,
    pages,
    scraped,
    sparse,
    summary,
    target,
    waits,
)

from otel_kubecost.exporters.otlp_http.codec import encode
from otel_kubecost.pdata import PointColumns, PointDetails, Summary, SummaryDataPoint, coalesced
from otel_kubecost.pdata.otlp_terms import otlp_unit
from otel_kubecost.pdata.summary import ValueAtQuantile
from otel_kubecost.testing.wire_otlp import decode_otlp


def message_of(data):
    """The message of all of ``data``; an empty one where nothing is sent."""
    requests = list(encode(data, 10**9, math.inf, "none"))
    return ExportMetricsServiceRequest.FromString(requests[0].body if requests else b"")


def metrics_in(data):
    found = message_of(data).resource_metrics
    return list(found[0].scope_metrics[0].metrics) if found else []


def the_point(*metrics):
    (metric,) = metrics_in(target(*metrics))
    (point,) = getattr(metric, metric.WhichOneof("data")).data_points
    return point


def canonical(message):
    return message.SerializeToString(deterministic=True)


@at_any_pace
@given(pages())
def test_a_page_is_what_the_specification_makes_of_it(data):
    """Numbers, histograms and summaries, rows that lack labels or parts, times, starts."""
    assert canonical(message_of(data)) == canonical(in_otlp(data))


@at_any_pace
@given(pages(), st.integers(1, 5))
def test_requests_of_a_page_are_cut_and_read_back(data, most):
    """Each point is in one request, and half a request still has the metric's type and unit."""
    requests = list(encode(data, most, math.inf, "none"))
    single = [half for one in requests for half in (one.split() or [one])]
    for request in [*requests, *single]:
        assert len(decode_otlp(request.body).series) == request.samples
        assert request.title
        for metric in ExportMetricsServiceRequest.FromString(request.body).resource_metrics[0] \
                .scope_metrics[0].metrics:  # fmt: skip
            assert [one.key for one in metric.metadata] == ["prometheus.type"]
    assert sum(one.samples for one in single) == len(decode_otlp(canonical(in_otlp(data))).series)


def test_labels_that_a_row_lacks_are_no_attributes(monkeypatch):
    """In columns, of which no point is built; an attribute of all may say nothing."""
    points = sparse(("a", "b"), [("x", ""), ("", "y"), ("", "")], c="")
    monkeypatch.delattr(PointColumns, "_point")
    (metric,) = metrics_in(target(scraped("foo", points)))
    found = [
        {one.key: one.value.string_value for one in point.attributes}
        for point in metric.gauge.data_points
    ]
    assert found == [{"a": "x", "c": ""}, {"b": "y", "c": ""}, {"c": ""}]


def test_times_and_starts_of_single_points_need_no_point(monkeypatch):
    """A page may say when each value was measured, and since when each total counts."""
    details = PointDetails(times=array_of(7, 8), starts=array_of(0, 5))
    points = sparse(("a",), [("x",), ("y",)], details=details)
    monkeypatch.delattr(PointColumns, "_point")
    gauge, total = metrics_in(
        target(scraped("foo", points), scraped("foo_total", points, ExpositionType.COUNTER))
    )
    assert [one.time_unix_nano for one in gauge.gauge.data_points] == [7, 8]
    assert [one.start_time_unix_nano for one in gauge.gauge.data_points] == [0, 0]
    assert [one.time_unix_nano for one in total.sum.data_points] == [7, 8]
    assert [one.start_time_unix_nano for one in total.sum.data_points] == [0, 5]


def array_of(*numbers):
    points = sparse((), [()])
    return type(points.values)("q", numbers)


@pytest.mark.parametrize(
    ("kind", "data", "is_monotonic"),
    [
        (ExpositionType.COUNTER, "sum", True),
        (ExpositionType.GAUGE, "gauge", None),
        (ExpositionType.INFO, "sum", False),
        (ExpositionType.STATESET, "sum", False),
        (ExpositionType.UNKNOWN, "gauge", None),
    ],
)
def test_types_are_data_and_metadata(kind, data, is_monotonic):
    """The type that the page says is kept beside what it became."""
    (metric,) = metrics_in(target(scraped("foo", sparse((), [()]), kind)))
    assert metric.WhichOneof("data") == data
    assert getattr(getattr(metric, data), "is_monotonic", None) is is_monotonic
    (said,) = metric.metadata
    assert (said.key, said.value.string_value) == ("prometheus.type", kind.value)


def test_gauge_histograms_are_dropped_and_so_is_what_is_for_series_only():
    """The specification has no place for the former; of the latter another metric says the same."""
    points = sparse((), [()])
    assert metrics_in(
        target(
            scraped("foo", points, ExpositionType.GAUGE_HISTOGRAM),
            scraped("foo_created", points, ExpositionType.UNKNOWN, for_series_only=True),
        )
    ) == []  # fmt: skip


def test_a_histogram_says_what_its_series_said():
    """Bounds without the last, which is infinite, and counts of each bucket alone."""
    (metric,) = metrics_in(target(waits(queues=("a",))))
    (point,) = metric.histogram.data_points
    assert metric.unit == "s"
    assert metric.histogram.aggregation_temporality == 2
    assert (point.count, point.sum, point.time_unix_nano) == (3, 1.5, TIME)
    assert (list(point.explicit_bounds), list(point.bucket_counts)) == ([1.0], [2, 1])
    assert [(one.key, one.value.string_value) for one in point.attributes] == [("queue", "a")]


@pytest.mark.parametrize("make", [histogram, lambda name, **parts: summary(name, BARE, **parts)])
def test_without_a_count_there_is_no_point(make):
    """As the specification wants it: the metric is dropped."""
    assert metrics_in(target(make("foo", sum=sparse((), [()], [1.0])))) == []


BARE = sparse(("quantile",), [("0.5",)], [0.25])


def test_without_a_sum_a_histogram_has_none_and_a_summary_has_zero():
    """Nobody knows it; where OTLP has no word for that, zero is."""
    count = sparse((), [()], [3.0])
    assert not the_point(histogram("foo", count=count)).HasField("sum")
    found = the_point(summary("foo", BARE, count=count))
    assert (found.sum, found.count) == (0.0, 3)
    assert [(one.quantile, one.value) for one in found.quantile_values] == [(0.5, 0.25)]


def test_a_histogram_without_buckets_has_one():
    """Its count is that of all values, whatever they were."""
    found = the_point(histogram("foo", count=sparse((), [()], [3.0])))
    assert (list(found.bucket_counts), list(found.explicit_bounds)) == ([3], [])


def test_an_exemplar_keeps_a_trace_that_has_no_span():
    """OpenTelemetry's own encoder drops the one without the other."""
    traced = {0: [Exemplar({"user": "7"}, 0.5, 9, trace_id=0xAB)], 1: [Exemplar({}, 2.0, 9, 0xCD)]}
    points = sparse(("a",), [("x",), ("y",)], details=PointDetails(exemplars=traced))
    (metric,) = metrics_in(target(scraped("foo_total", points, ExpositionType.COUNTER)))
    first, second = (point.exemplars[0] for point in metric.sum.data_points)
    assert (first.trace_id, first.span_id) == (0xAB.to_bytes(16), b"")
    assert (second.trace_id, second.span_id) == (b"", 0xCD.to_bytes(8))
    assert first.filtered_attributes[0].value.string_value == "7"


def test_summaries_that_were_not_scraped_are_sent():
    """Of a component that somebody else wrote: without metadata, attributes of any type."""
    at_half = [ValueAtQuantile(0.5, math.nan)]
    points = [SummaryDataPoint({"n": 1}, 5, TIME, 2, 0.5, at_half)]
    (metric,) = metrics_in(batch(Metric("took", "", "ms", Summary(points))))
    (point,) = metric.summary.data_points
    assert (metric.unit, len(metric.metadata)) == ("ms", 0)
    assert (point.start_time_unix_nano, point.count, point.sum) == (5, 2, 0.5)
    assert math.isnan(point.quantile_values[0].value)
    assert point.attributes[0].value.int_value == 1


def test_two_pages_of_one_target_are_one_scope():
    """Of a kubelet's own and its containers' one resource, once."""
    pages = [target(waits(name), address=f"http://host:80/{name}") for name in ("a", "b")]
    both = type(pages[0])([one for page in pages for one in page.resource_metrics])
    assert [one.name for one in metrics_in(both)] == ["a", "b"]
    assert len(message_of(both).resource_metrics) == len(coalesced(both).resource_metrics) == 1


@pytest.mark.parametrize(
    ("word", "unit"),
    [
        ("seconds", "s"),
        ("bytes", "By"),
        ("ratio", "1"),
        ("bytes_per_second", "By/s"),
        ("bananas_per_day", "bananas/d"),
        ("widgets", "widgets"),
        ("", ""),
    ],
)
def test_units_are_those_of_opentelemetry(word, unit):
    """Words become what UCUM has for them; what it has nothing for stays."""
    assert otlp_unit(word) == unit
