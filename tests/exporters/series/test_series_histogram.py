"""Histograms, explicit and exponential, to classic ones."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.metrics import Exemplar
from series_data import (
    TIME,
    batch,
    exponential,
    exponential_point,
    histogram,
    histogram_point,
    nanos,
    samples,
    totals,
    translated,
)

from otel_kubecost.exporters.series.model import Type
from otel_kubecost.exporters.series.translate import Translator


def test_buckets_are_cumulative():
    """Defect 7: each bucket counts all below it, 0 keeps its le, +Inf is the count, sum follows."""
    data = batch(histogram("lat", histogram_point([1, 2, 3], [0.0, 0.5]), unit="s"))
    assert translated(data) == [
        ("lat_seconds_bucket", {"le": "0"}, TIME, 1.0),
        ("lat_seconds_bucket", {"le": "0.5"}, TIME, 3.0),
        ("lat_seconds_bucket", {"le": "+Inf"}, TIME, 6.0),
        ("lat_seconds_sum", {}, TIME, 10.0),
        ("lat_seconds_count", {}, TIME, 6.0),
    ]


def test_a_histogram_is_one_family():
    """All its series are in the family of its own name."""
    [family] = Translator().translate(batch(histogram("lat", histogram_point([1, 2], [5.0]))))
    assert (family.name, family.type) == ("lat", Type.HISTOGRAM)


def test_a_histogram_without_bounds_is_its_count_and_sum():
    """One bucket, or none at all, still ends in +Inf."""
    for counts in ([4], []):
        point = histogram_point(counts, [])
        families = Translator().translate(batch(histogram("m", point)))
        assert totals(families) == {"+Inf": sum(counts), "sum": 10.0, "count": sum(counts)}


def test_infinite_bounds_are_the_last_bucket():
    """A bound of infinity is not a bucket beside +Inf, and loses no observation."""
    point = histogram_point([1, 2, 3, 0], [-math.inf, 1.0, math.inf])
    families = Translator().translate(batch(histogram("m", point)))
    assert totals(families) == {"1": 3.0, "+Inf": 6.0, "sum": 10.0, "count": 6.0}


def test_an_attribute_le_does_not_hide_the_bound():
    """A bucket's le is its bound, whatever the attributes say."""
    point = histogram_point([1, 2], [5.0], attributes={"le": "mine", "a": "b"})
    labels = [labels for _, labels, *_ in translated(batch(histogram("m", point)))]
    assert labels[:2] == [{"le": "5", "a": "b"}, {"le": "+Inf", "a": "b"}]


def test_an_exemplar_is_with_its_bucket():
    """An exemplar is found at the first bound that is not below it."""
    traces = [Exemplar({}, value, nanos(TIME), 1, 1) for value in (0.2, 1.0, 1.1, 99.0)]
    point = histogram_point([1, 1, 1, 1], [0.5, 1.0, 5.0], exemplars=traces)
    [family] = Translator().translate(batch(histogram("m", point)))
    found = [[one.value for one in series.exemplars] for series in family.series]
    assert found == [[0.2], [1.0], [1.1], [99.0], [], []]


def test_exponential_buckets_have_the_bounds_of_their_scale():
    """Defect 21: at scale 0 bucket i ends at 2**(i+1); all counts are cumulative."""
    families = Translator().translate(
        batch(exponential("m", exponential_point([1, 0, 2], offset=1)))
    )
    assert totals(families) == {"4": 1, "8": 1, "16": 3, "+Inf": 3, "sum": 10, "count": 3}


def test_a_finer_scale_divides_the_powers_of_two():
    """At scale 1 bounds are powers of the square root of two, at scale -1 of four."""
    fine = Translator().translate(batch(exponential("m", exponential_point([1, 1], scale=1))))
    coarse = Translator().translate(batch(exponential("m", exponential_point([1, 1], scale=-1))))
    assert list(totals(fine))[:2] == [repr(math.sqrt(2)), "2"]
    assert list(totals(coarse))[:2] == ["4", "16"]


def test_negative_and_zero_observations_come_first():
    """Negative buckets ascend towards zero, then zero, then the positive ones."""
    point = exponential_point([5], negative=[1, 2], negative_offset=1, zero=4)
    families = Translator().translate(batch(exponential("m", point)))
    assert totals(families) == {
        "-4": 2, "-2": 3, "0": 7, "2": 12, "+Inf": 12, "sum": 10, "count": 12,
    }  # fmt: skip


def test_a_side_without_observations_has_no_buckets():
    """Empty buckets, which the SDK has on the side that nothing was measured on, make no series."""
    point = exponential_point([1], negative=[0, 0])
    found = totals(Translator().translate(batch(exponential("m", point))))
    assert list(found) == ["2", "+Inf", "sum", "count"]


def test_zero_has_no_sign():
    """A negative bucket too near to zero for a float ends at 0, not at -0."""
    point = exponential_point([1], negative=[3], negative_offset=-1100)
    found = totals(Translator().translate(batch(exponential("m", point))))
    assert found == {"0": 3, "2": 4, "+Inf": 4, "sum": 10, "count": 4}


def test_bounds_beyond_floats_lose_nothing():
    """Buckets too large or too small for a float end in +Inf or at zero, and are counted."""
    large = exponential_point([1, 1, 1], offset=1022, negative=[1, 1], negative_offset=1023)
    small = exponential_point([1, 1, 1], offset=-1077)
    got = totals(Translator().translate(batch(exponential("m", large))))
    assert list(got.values())[-4:] == [2.0 + 1, 5.0, 10.0, 5.0]
    got = totals(Translator().translate(batch(exponential("m", small))))
    assert got["0"] == 2.0
    assert got["+Inf"] == 3.0


MAGNITUDES = st.floats(1e-3, 1e6)
VALUES = st.lists(MAGNITUDES | MAGNITUDES.map(lambda value: -value) | st.just(0.0), max_size=50)


@settings(deadline=None)
@given(VALUES, st.integers(-3, 4))
def test_an_exponential_histogram_counts_what_was_observed(values, scale):
    """At every bound a converted histogram says how many observations are not above it."""
    data = batch(exponential("m", observed(values, scale)))
    found = totals(Translator().translate(data))
    assert found.pop("count") == found["+Inf"] == len(values)
    del found["sum"]
    for le, total in found.items():
        bound = float(le)
        expected = sum(value <= bound for value in values)
        # On a bound itself a logarithm may round either way, and negative buckets leave it out.
        on_it = sum(math.isclose(value, bound, rel_tol=1e-9) for value in values)
        assert abs(total - expected) <= on_it


def observed(values, scale):
    positive = dense([index_of(value, scale) for value in values if value > 0])
    negative = dense([index_of(-value, scale) for value in values if value < 0])
    zero = sum(1 for value in values if value == 0)
    return exponential_point(
        positive[1],
        scale,
        offset=positive[0],
        negative=negative[1],
        negative_offset=negative[0],
        zero=zero,
        total=sum(values),
    )


def index_of(value, scale):
    return math.ceil(math.log2(value) * 2.0**scale) - 1


def dense(indices):
    if not indices:
        return 0, [0]
    first = min(indices)
    return first, [indices.count(at) for at in range(first, max(indices) + 1)]


def test_several_histograms_keep_apart():
    """Points of one metric with different attributes are different series throughout."""
    points = [histogram_point([1, 2], [5.0], attributes={"h": host}) for host in "ab"]
    found = samples(Translator().translate(batch(histogram("m", *points))))
    assert [labels["h"] for _, labels, *_ in found] == ["a"] * 4 + ["b"] * 4
