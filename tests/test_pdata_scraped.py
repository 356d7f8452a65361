"""Scraped batches walked, ended and taken apart: times, parts and labels stay what they are."""

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import MetricsData
from scraped_batches import (
    TIME,
    ExpositionType,
    histogram,
    pages,
    rows_of,
    scraped,
    sparse,
    summary,
    target,
    waits,
)

from otel_kubecost.pdata import (
    PointDetails,
    chunks,
    coalesced,
    count_points,
    each_metric,
    emptied,
    in_otlp_terms,
    metadata_of,
    stamped,
    time_if_restamped,
    with_ended,
)

LATER = TIME + 10**9


def metrics_in(data):
    return [metric for _, _, metric in each_metric(data)]


@given(pages())
def test_an_emptied_page_has_its_metrics_and_no_rows(data):
    """What is a few columns each is emptied as well: its series have ended with the others."""
    ended = emptied(data)
    assert [(one.name, type(one)) for one in metrics_in(ended)] == [
        (one.name, type(one)) for one in metrics_in(data)
    ]
    assert not any(map(rows_of, metrics_in(ended)))


def test_a_target_that_is_gone_is_ended_with_its_histograms():
    """Beside one that is still there."""
    here, gone = target(waits()), target(waits(), **{"service.instance.id": "gone"})
    both = MetricsData([*here.resource_metrics, *gone.resource_metrics])
    ended = with_ended(here, both)
    assert [len(rows_of(one)) for one in metrics_in(ended)] == [8, 0]


def test_parts_are_stamped_as_columns_are():
    """Every row of them, and the points that they make."""
    (metric,) = metrics_in(stamped(target(waits()), LATER))
    assert {row[3] for row in rows_of(metric)} == {LATER}
    assert {one.time_unix_nano for one in metric.data.data_points} == {LATER}


def test_points_with_details_are_no_repetition():
    """At another time they would not have the times that they have for themselves."""
    plain = target(scraped("up", sparse((), [()])))
    timed = target(scraped("up", sparse((), [()], details=PointDetails(array("q", [7])))))
    assert time_if_restamped(plain, plain) == TIME
    assert time_if_restamped(timed, timed) is None


@given(pages(), st.integers(1, 5))
def test_a_page_is_cut_point_by_point(data, most):
    """One after the other the chunks have every point, with its times; none has more than that."""
    parts = list(chunks(data, most))
    assert all(0 < count_points(part) <= most for part in parts)
    found = [
        str(point) for part in parts for one in metrics_in(part) for point in one.data.data_points
    ]
    assert found == [str(point) for one in metrics_in(data) for point in one.data.data_points]


def test_a_histogram_that_is_cut_makes_its_points_once(monkeypatch):
    """Not once for each chunk: all of them have to be made to have some."""
    metric = waits(queues=[str(number) for number in range(20)])
    made, make = [], type(metric.data.data_points)._points
    monkeypatch.setattr(
        type(metric.data.data_points), "_points", lambda parts: made.append(1) or make(parts)
    )
    assert [count_points(part) for part in chunks(target(metric), 6)] == [6, 6, 6, 2]
    assert len(made) == 1


def test_parts_that_make_no_point_are_left_out_for_others():
    """Without a count there is nothing that OpenTelemetry could say."""
    data = target(histogram("wait", sum=sparse((), [()])))
    assert coalesced(data).resource_metrics == []
    assert metrics_in(in_otlp_terms(data)) != []


def test_parts_know_their_rows_and_their_own_labels():
    """Rows of all parts together; le and quantile tell no histograms and summaries apart."""
    points = waits().data.data_points
    assert (points.series, len(points)) == (8, 2)
    assert points.own_labels == {"_bucket": "le"}
    assert summary("took", sparse((), [])).data.data_points.own_labels == {"": "quantile"}


@pytest.mark.parametrize("le", ["", "junk", "NaN"])
def test_a_bucket_without_a_bound_is_none(le):
    """The histogram has its other buckets; remote write has that series all the same."""
    rows = [("1.0",), (le,)] if le else [("1.0",), ("",)]
    metric = histogram(
        "wait", bucket=sparse(("le",), rows, [1.0, 2.0]), count=sparse((), [()], [3.0])
    )
    (point,) = metric.data.data_points
    assert (point.explicit_bounds, point.bucket_counts) == ([1.0], [1, 2])
    assert len(rows_of(metric)) == 3


@pytest.mark.parametrize("value", [2.5, -1.0, 4.0, float("nan"), float("inf")])
def test_buckets_that_do_not_add_up_are_one(value):
    """What is no number of observations, or more than there were, says nothing of buckets."""
    metric = histogram(
        "wait", bucket=sparse(("le",), [("1.0",)], [value]), count=sparse((), [()], [3.0])
    )
    (point,) = metric.data.data_points
    assert (point.explicit_bounds, point.bucket_counts) == ([], [3])


def test_where_nothing_was_scraped_the_terms_are_opentelemetrys():
    """The batch itself, and no metadata."""
    data = MetricsData([])
    assert in_otlp_terms(data) is data
    assert in_otlp_terms(target()) == target()


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        (waits(), "histogram"),
        (scraped("wait_odd", sparse((), [()]), ExpositionType.HISTOGRAM), "unknown"),
        (scraped("foo", sparse((), [()]), ExpositionType.GAUGE_HISTOGRAM), "gaugehistogram"),
        (scraped("foo", sparse((), [()]), ExpositionType.STATESET), "stateset"),
    ],
)
def test_a_type_is_said_of_what_is_of_it(metric, said):
    """A series of a histogram's family that is none of its parts is of unknown type."""
    assert metadata_of(metric) == {"prometheus.type": said}
