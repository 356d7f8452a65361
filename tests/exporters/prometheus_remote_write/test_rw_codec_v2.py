"""The bytes of remote write 2.0 requests, read by Google's protobuf, and held against 1.0."""

import struct
from array import array
from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st
from rw_families import FAMILIES, at_any_pace, column_families, plain_families

from otel_kubecost.exporters.prometheus_remote_write.codec import encode
from otel_kubecost.exporters.prometheus_remote_write.codec_v2 import RequestV2, encode_v2
from otel_kubecost.exporters.series.model import (
    ColumnChunks,
    ColumnSeries,
    Family,
    Sample,
    Series,
    SeriesExemplar,
    Type,
)
from otel_kubecost.pdata import AttributeTable, PointColumns
from otel_kubecost.testing import Described, SentExemplar, decode, decode_v2

CUMULATIVE = {Type.COUNTER, Type.HISTOGRAM, Type.SUMMARY}


def decoded(requests):
    return [series for request in requests for series in decode_v2(request.body).series]


def bits(value):
    return struct.pack("<d", value)


def shape(series):
    """A series as both versions have it; a NaN by its bits."""
    return (
        series.labels,
        [(at, bits(value)) for at, value in series.points],
        [(one.labels, one.timestamp, bits(one.value)) for one in series.exemplars],
    )


@at_any_pace
@given(column_families(), st.integers(1, 4), st.booleans())
def test_pieces_encode_to_the_same_series_as_the_whole(families, limit, exemplars):
    """In both versions: a family over several tables is what its series are."""
    chunks = [chunk for one in families for chunk in one.chunks if chunk]
    assume(chunks)
    whole = Family("m", Type.GAUGE, ColumnChunks(chunks))
    built = replace(whole, series=[*whole.series])
    for write, read in ((encode, decode), (encode_v2, decode_v2)):
        fast, plain = (
            [series for one in write([some], limit, exemplars=exemplars)
             for series in read(one.body).series]
            for some in (whole, built)
        )  # fmt: skip
        assert sorted(map(shape, fast)) == sorted(map(shape, plain))


@at_any_pace
@given(FAMILIES, st.integers(1, 5), st.booleans())
def test_it_says_what_1_0_says(families, limit, exemplars):
    """The same series in the same order, with labels, times, values, exemplars, cut alike; the
    decoder refuses any table of symbols that is not what it has to be."""
    new = list(encode_v2(families, limit, exemplars=exemplars))
    old = list(encode(families, limit, exemplars=exemplars))
    assert [[shape(series) for series in decode_v2(one.body).series] for one in new] == [
        [shape(series) for series in decode(one.body).series] for one in old
    ]
    assert [(one.samples, one.series, one.newest) for one in new] == [
        (one.samples, one.series, one.newest) for one in old
    ]


@at_any_pace
@given(FAMILIES, st.integers(1, 5), st.booleans())
def test_in_1_0_it_is_what_1_0_would_have_been(families, limit, exemplars):
    """What was queued for a receiver that turns out not to know 2.0 loses nothing, to the byte."""
    new = encode_v2(families, limit, exemplars=exemplars)
    assert [one.as_v1() for one in new] == list(encode(families, limit, exemplars=exemplars))


@at_any_pace
@given(st.lists(plain_families(), max_size=5, unique_by=lambda one: one.name) | column_families())
def test_it_says_more_than_1_0(families):
    """Type, help and unit of each series, and since when totals count."""
    described = {series.labels: (family, series) for family in families for series in family.series}
    for one in decoded(encode_v2(families, 1000)):
        family, series = described[one.labels]
        assert one.described is not None
        assert one.described.type == family.type.replace("untyped", "unspecified")
        since = series.start if family.type in CUMULATIVE else 0
        assert one.starts == tuple(since if 0 < since < at else 0 for at, _ in one.points)


@at_any_pace
@given(column_families(), st.integers(1, 4))
def test_columns_encode_to_the_same_series_as_if_they_were_built(families, limit):
    """The fast path is an optimisation of the plain one: the same in another order."""
    built = [replace(family, series=list(family.series)) for family in families]
    fast, plain = (decoded(encode_v2(some, limit)) for some in (families, built))
    key = lambda one: (*shape(one), one.starts, one.described)  # noqa: E731
    assert sorted(map(key, fast)) == sorted(map(key, plain))


def pods(count, metrics=2):
    rows = [(f"p{at}", f"n{at % 2}") for at in range(count)]
    table = AttributeTable.of(["pod", "node"], rows)
    pod, node = table.columns
    return [
        Family(
            f"m{number}",
            Type.GAUGE,
            ColumnSeries(
                [("__name__", f"m{number}"), ("node", node), ("pod", pod), ("tenant_id", "t")],
                PointColumns(table, array("d", [0.5] * count), time_unix_nano=7_000_000),
            ),
            help="Cost per hour.",
        )
        for number in range(metrics)
    ]


def test_each_request_stands_for_itself():
    """Symbols are those of its own series, each once, whichever request had them before."""
    first, second = (decode_v2(one.body) for one in encode_v2(pods(4), 4))
    assert [dict(series.labels)["pod"] for series in first.series] == ["p0", "p0", "p1", "p1"]
    assert [dict(series.labels)["pod"] for series in second.series] == ["p2", "p2", "p3", "p3"]
    assert second.series[0].described == Described("gauge", "Cost per hour.", "")


def test_a_request_splits_into_halves_until_one_series_is_left():
    """For an endpoint that answers 413; halves are 2.0 too, with the symbols that they use."""
    (whole,) = encode_v2(pods(5), 100)
    halves = whole.split()
    assert [(type(half), half.series, half.samples, half.newest) for half in halves] == [
        (RequestV2, 5, 5, 7)
    ] * 2
    assert decoded(halves) == decoded([whole])
    (single,) = encode_v2(pods(1, metrics=1), 100)
    assert single.split() == []


@at_any_pace
@given(st.lists(plain_families(), min_size=2, max_size=5, unique_by=lambda one: one.name))
def test_halves_have_all_that_the_whole_had(families):
    """Starts, exemplars and descriptions too."""
    (whole,) = encode_v2(families, 1000, exemplars=True)
    together = decoded(whole.split())
    for half, one in zip(together, decoded([whole]), strict=True):
        assert (shape(half), half.starts, half.described) == (
            shape(one), one.starts, one.described,
        )  # fmt: skip


def test_a_start_is_sent_where_something_counts():
    """In milliseconds; one that is not before its sample would say nothing, and is left out."""
    labels = (("__name__", "m"),)
    samples = [Sample(10, 1.0), Sample(20, 2.0)]
    for kind, start, expected in [
        (Type.COUNTER, 5, (5, 5)),
        (Type.HISTOGRAM, 10, (0, 10)),
        (Type.COUNTER, 0, (0, 0)),
        (Type.GAUGE, 5, (0, 0)),
    ]:
        family = Family("m", kind, [Series(labels, samples, (), start)])
        assert decoded(encode_v2([family], 10))[0].starts == expected


def test_exemplars_are_sent_on_request_only():
    """They stand beside the sample, with their own labels and time; nothing of them is among the
    symbols otherwise."""
    exemplar = SeriesExemplar((("trace_id", "abc"),), 5, 0.25)
    series = Series((("__name__", "m"),), [Sample(5, 1.0)], [exemplar])
    families = [Family("m", Type.COUNTER, [series])]
    assert decoded(encode_v2(families, 10))[0].exemplars == ()
    (sent,) = decoded(encode_v2(families, 10, exemplars=True))
    assert sent.exemplars == (SentExemplar((("trace_id", "abc"),), 5, 0.25),)


def test_no_families_make_no_request():
    """An empty batch sends nothing."""
    assert list(encode_v2([], 10)) == list(encode_v2(pods(0), 10)) == []
