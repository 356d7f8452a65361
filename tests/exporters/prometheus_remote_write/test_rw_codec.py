"""The bytes of remote write requests, read back with the protocol's own messages."""

import math
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rw_families import at_any_pace, column_families

from otel_kubecost.exporters.encoding.protobuf import read_varint, varint
from otel_kubecost.exporters.prometheus_remote_write.codec import encode, encode_metadata
from otel_kubecost.exporters.series.model import (
    ColumnSeries,
    Family,
    Sample,
    Series,
    SeriesExemplar,
    Type,
)
from otel_kubecost.pdata import AttributeTable, PointColumns
from otel_kubecost.testing import decode

TIMES = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(min_size=1, max_size=8)
NAMES = st.text("abc_", min_size=1, max_size=4)


def decoded(requests):
    return [series for request in requests for series in decode(request.body).series]


def bits(value):
    return struct.pack("<d", value)


@st.composite
def plain_families(draw):
    labels = draw(st.dictionaries(NAMES, TEXT, max_size=4))
    pairs = tuple(sorted({"__name__": "m", **labels}.items()))
    times = draw(st.lists(TIMES, unique=True, min_size=1, max_size=4).map(sorted))
    samples = [Sample(time, draw(st.floats())) for time in times]
    return Family("m", Type.GAUGE, [Series(pairs, samples)])


@at_any_pace
@given(st.lists(plain_families(), max_size=6), st.integers(1, 5))
def test_any_series_arrives_with_its_labels_times_and_bits(families, limit):
    """What the generated messages read is what went in, any NaN and negative time included."""
    arrived = decoded(encode(families, limit))
    sent = [series for family in families for series in family.series]
    assert [series.labels for series in arrived] == [series.labels for series in sent]
    assert [[(time, bits(value)) for time, value in series.points] for series in arrived] == [
        [(time, bits(value)) for time, value in series.samples] for series in sent
    ]


@at_any_pace
@given(column_families(), st.integers(1, 4))
def test_columns_encode_to_the_same_series_as_if_they_were_built(families, limit):
    """The fast path is an optimisation of the plain one: same frames, only row by row."""
    built = [Family(one.name, one.type, list(one.series)) for one in families]
    fast, plain = (decoded(encode(some, limit)) for some in (families, built))
    key = lambda series: (series.labels, [(t, bits(v)) for t, v in series.points])  # noqa: E731
    assert sorted(map(key, fast)) == sorted(map(key, plain))


def pods(count, metrics=2):
    table = AttributeTable.of(["pod"], [(f"p{at}",) for at in range(count)])
    return [
        Family(
            f"m{number}",
            Type.GAUGE,
            ColumnSeries(
                [("__name__", f"m{number}"), ("pod", table.columns[0])],
                PointColumns(table, array("d", [0.5] * count), time_unix_nano=7_000_000),
            ),
        )
        for number in range(metrics)
    ]


def test_a_pods_series_stand_side_by_side():
    """Row by row compresses to three quarters of metric by metric."""
    names = [dict(series.labels) for series in decoded(encode(pods(2), 100))]
    assert [(one["pod"], one["__name__"]) for one in names] == [
        ("p0", "m0"), ("p0", "m1"), ("p1", "m0"), ("p1", "m1"),
    ]  # fmt: skip


def test_requests_are_cut_at_the_limit_and_count_what_they_hold():
    """Nothing is lost between two requests, and each knows its samples, series and newest time."""
    requests = list(encode(pods(5), 4))
    assert [(one.samples, one.series, one.newest) for one in requests] == [
        (4, 4, 7), (4, 4, 7), (2, 2, 7),
    ]  # fmt: skip
    assert len(decoded(requests)) == 10


def test_a_request_splits_into_halves_until_one_series_is_left():
    """For an endpoint that answers 413: no series is lost or repeated by splitting."""
    (whole,) = encode(pods(5), 100)
    halves = whole.split()
    assert [half.series for half in halves] == [5, 5]
    assert sum(half.samples for half in halves) == whole.samples
    assert {half.newest for half in halves} == {7}
    assert decoded(halves) == decoded([whole])
    (single,) = encode(pods(1, metrics=1), 100)
    assert single.split() == []


@at_any_pace
@given(st.lists(plain_families(), min_size=2, max_size=4))
def test_halves_know_their_samples_and_newest_times(families):
    """What a half counts for is read back from its bytes."""
    (whole,) = encode(families, 1000)
    halves = whole.split()
    assert sum(half.samples for half in halves) == whole.samples
    assert max(half.newest for half in halves) == whole.newest


@at_any_pace
@given(st.lists(plain_families(), min_size=1, max_size=4), st.floats(0, 1, exclude_max=True))
def test_one_series_can_be_taken_out(families, place):
    """It is byte for byte what it was in the request, and knows what it counts for."""
    (whole,) = encode(families, 1000)
    one = whole.only(place)
    (series,) = decoded([one])
    assert series.labels == decoded([whole])[int(place * len(families))].labels
    assert (one.series, one.samples) == (1, len(series.points))
    assert one.newest == series.points[-1][0]


@at_any_pace
@given(st.lists(plain_families(), min_size=1, max_size=2))
def test_a_request_can_be_shown(families):
    """The first series, in one line that is fit for a log."""
    (whole,) = encode(families, 1000)
    assert whole.title.startswith("m{")
    assert whole.title.isprintable()
    assert len(whole.title) <= 1000


def test_a_series_is_shown_as_promql_writes_it():
    """Quotes are escaped, a line end is none, and a label that comes twice is there twice."""
    labels = (("__name__", "cost"), ("a", 'x "y"\n'), ("b", "é"), ("b", "2"))
    (request,) = encode([Family("cost", Type.GAUGE, [Series(labels, [Sample(1, 1.0)])])], 10)
    assert request.title == r'cost{a="x \"y\"\n", b="é", b="2"}'
    (metadata,) = encode_metadata([Family("cost", Type.GAUGE, [])], 10)
    assert metadata.title == ""


def test_a_zero_is_written_out():
    """A sample of 0.0 at time 0 is a sample, not an empty message."""
    family = Family("m", Type.GAUGE, [Series((("__name__", "m"),), [Sample(0, 0.0)])])
    (request,) = encode([family], 10)
    assert decoded([request])[0].points == ((0, 0.0),)


def test_no_families_make_no_request():
    """An empty batch sends nothing."""
    assert list(encode([], 10)) == []
    assert list(encode(pods(0), 10)) == []


def test_exemplars_are_sent_on_request_only():
    """They stand beside the sample, with their own labels and time."""
    exemplar = SeriesExemplar((("trace_id", "abc"),), 5, 0.25)
    family = Family("m", Type.GAUGE, [Series((("__name__", "m"),), [Sample(5, 1.0)], [exemplar])])
    (without,), (with_them,) = encode([family], 10), encode([family], 10, exemplars=True)
    assert len(with_them.body) > len(without.body)
    assert decode(with_them.body).series[0].points == ((5, 1.0),)


def test_metadata_is_a_request_without_samples():
    """Type, help and unit of each family; remote write 1.0 sends them apart from samples."""
    families = [
        Family("a_total", Type.COUNTER, [], help="Counts."),
        Family("b", Type.GAUGE, [], unit="seconds"),
        Family("c", Type.HISTOGRAM, []),
    ]
    requests = list(encode_metadata(families, 2))
    assert [(one.samples, one.series) for one in requests] == [(0, 2), (0, 1)]
    assert all(decode(one.body).series == () for one in requests)
    assert [half.series for half in requests[0].split()] == [1, 1]


@at_any_pace
@given(TIMES)
def test_varints_are_read_back(number):
    """Negative numbers take ten bytes, as two's complement."""
    encoded = varint(number)
    assert read_varint(encoded, 0) == (number % 2**64, len(encoded))
    assert len(encoded) == 10 or number >= 0


@pytest.mark.parametrize("value", [math.inf, -math.inf, -0.0])
def test_special_values_keep_their_bits(value):
    """Infinity and the negative zero of foreign data go through as they are."""
    family = Family("m", Type.GAUGE, [Series((("__name__", "m"),), [Sample(1, value)])])
    assert bits(decoded(encode([family], 1))[0].points[0][1]) == bits(value)
