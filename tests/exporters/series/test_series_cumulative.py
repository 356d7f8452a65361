"""Deltas to totals."""

import logging
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics.export import Buckets
from series_data import (
    DELTA,
    TIME,
    batch,
    counter,
    exponential,
    exponential_point,
    histogram,
    histogram_point,
    nanos,
    point,
    samples,
    totals,
)

from otel_kubecost.exporters.series.cumulative import FORGET_AFTER, MAX_BUCKETS, Totals
from otel_kubecost.exporters.series.translate import Translator


def delta(*points, monotonic=True, scope="test", resource=None):
    metric = counter("m", *points, temporality=DELTA, monotonic=monotonic)
    return batch(metric, scope=scope, resource=resource)


def test_deltas_add_up():
    """Defect 8: each delta is sent as the total so far, at its own time."""
    translator = Translator()
    found = [
        samples(translator.translate(delta(point(value, time=TIME + at))))
        for at, value in enumerate((2, 3, 5))
    ]
    assert found == [[("m_total", {}, TIME + at, total)] for at, total in enumerate((2, 5, 10))]


def test_deltas_of_one_batch_add_up():
    """Two deltas of a series in one batch are two samples of one total."""
    found = samples(Translator().translate(delta(point(2, time=TIME), point(3, time=TIME + 1))))
    assert [(time - TIME, value) for _, _, time, value in found] == [(0, 2), (1, 5)]


def test_a_sum_that_may_fall_is_a_total_too():
    """Deltas of an up-down counter are accumulated to a gauge."""
    translator = Translator()
    translator.translate(delta(point(5), monotonic=False))
    found = samples(translator.translate(delta(point(-2, time=TIME + 1), monotonic=False)))
    assert found == [("m", {}, TIME + 1, 3.0)]


def test_series_have_totals_of_their_own():
    """Attributes, resources and scopes keep totals apart."""
    translator = Translator()
    translator.translate(delta(point(1, {"a": "x"}), point(10, {"a": "y"})))
    translator.translate(delta(point(100, {"a": "x"}, time=TIME + 1), scope="other"))
    found = samples(translator.translate(delta(point(1, {"a": "x"}, time=TIME + 2))))
    assert found == [("m_total", {"a": "x"}, TIME + 2, 2.0)]


def test_a_batch_that_comes_twice_counts_once():
    """A delta that is not newer than its total is in it already."""
    translator = Translator()
    first = samples(translator.translate(delta(point(4))))
    again = samples(translator.translate(delta(point(4))))
    older = samples(translator.translate(delta(point(9, time=TIME - 1))))
    assert first == again == older == [("m_total", {}, TIME, 4.0)]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_delta_that_cannot_be_added_is_left_out(value, caplog):
    """One NaN does not turn a total into NaN for ever."""
    translator = Translator()
    translator.translate(delta(point(4)))
    with caplog.at_level(logging.WARNING, "otel_kubecost"):
        assert translator.translate(delta(point(value, time=TIME + 1))) == []
    assert "cannot be added" in caplog.text
    found = samples(translator.translate(delta(point(1, time=TIME + 2))))
    assert found == [("m_total", {}, TIME + 2, 5.0)]


def histogram_totals(translator, *points):
    return totals(translator.translate(batch(histogram("m", *points, temporality=DELTA))))


def test_histograms_add_up_by_bucket():
    """Buckets, sum and count of deltas accumulate."""
    translator = Translator()
    histogram_totals(translator, histogram_point([1, 2, 3], [1.0, 2.0], 10.0))
    found = histogram_totals(translator, histogram_point([1, 0, 1], [1.0, 2.0], 5.0, time=TIME + 1))
    assert found == {"1": 2, "2": 4, "+Inf": 8, "sum": 15, "count": 8}


def test_other_bounds_start_a_histogram_anew():
    """Buckets that cannot be added to the total replace it, as a restart would."""
    translator = Translator()
    histogram_totals(translator, histogram_point([1, 2], [1.0]))
    found = histogram_totals(translator, histogram_point([1, 1], [9.0], 3.0, time=TIME + 1))
    assert found == {"9": 1, "+Inf": 2, "sum": 3, "count": 2}


def test_a_malformed_histogram_does_not_stay():
    """After a point whose buckets contradict each other the next sound one is taken."""
    translator = Translator()
    assert histogram_totals(translator, histogram_point([1, 2, 3], [1.0])) == {}
    found = histogram_totals(translator, histogram_point([1, 2], [1.0], 1.0, time=TIME + 1))
    assert found == {"1": 1, "+Inf": 3, "sum": 1, "count": 3}


def test_exponential_histograms_add_up_at_the_coarser_scale():
    """Two buckets of scale 1 are one of scale 0; zero, sum and both signs accumulate."""
    first = exponential_point([1, 2, 4, 8], scale=1, negative=[1], zero=3, total=1.0)
    second = exponential_point(
        [16], scale=0, offset=1, negative=[2], zero=1, total=2.0, time=TIME + 1
    )
    translator = Translator()
    for one in (first, second):
        found = totals(translator.translate(batch(exponential("m", one, temporality=DELTA))))
    assert found == {
        "-1": 3, "0": 7, "2": 10, "4": 38, "+Inf": 38, "sum": 3, "count": 38,
    }  # fmt: skip


BUCKETS = st.builds(
    Buckets, st.integers(-300, 300), st.lists(st.integers(0, 9), min_size=1, max_size=200)
)


@settings(deadline=None)
@given(st.lists(st.tuples(BUCKETS, BUCKETS, st.integers(-2, 8)), min_size=2, max_size=5))
def test_no_observation_is_lost_by_adding(deltas):
    """Whatever scales and offsets meet, the total has every observation, in buckets enough."""
    running = Totals()
    for at, (positive, negative, scale) in enumerate(deltas):
        sides = {"offset": positive.offset, "negative_offset": negative.offset}
        counts = (positive.bucket_counts, scale)
        one = exponential_point(*counts, negative=negative.bucket_counts, time=TIME + at, **sides)
        total = running.add("series", one)
    for side in (0, 1):
        buckets = (total.positive, total.negative)[side]
        assert sum(buckets.bucket_counts) == sum(sum(one[side].bucket_counts) for one in deltas)
        assert len(buckets.bucket_counts) <= MAX_BUCKETS
    assert total.count == sum(total.positive.bucket_counts) + sum(total.negative.bucket_counts)


def test_idle_series_are_forgotten():
    """The memory of totals is bounded: what has not come for an hour starts from nothing."""
    translator = Translator()
    hour = FORGET_AFTER // nanos(1)
    translator.translate(delta(point(5, {"pod": "gone"}), point(1, {"pod": "kept"})))
    for at in (hour - 1, hour + 1):
        translator.translate(delta(point(1, {"pod": "kept"}, time=TIME + at)))
    points = [point(1, {"pod": pod}, time=TIME + hour + 2) for pod in ("gone", "kept")]
    assert [value for *_, value in samples(translator.translate(delta(*points)))] == [1.0, 4.0]
