"""How large a request may be, and what becomes of one that is too large, in 1.0 and in 2.0."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rw_data import PATH, Sink, batch, gauge, series
from rw_families import FAMILIES, SAMPLES, at_any_pace, plain_families

from otel_kubecost.exporters.encoding.halving import middle
from otel_kubecost.exporters.encoding.protobuf import fields
from otel_kubecost.exporters.prometheus_remote_write.codec import (
    Request,
    decompressed,
    encode,
    encode_metadata,
)
from otel_kubecost.exporters.prometheus_remote_write.codec_v2 import RequestV2, encode_v2
from otel_kubecost.exporters.prometheus_remote_write.reading_v2 import read
from otel_kubecost.exporters.prometheus_remote_write.symbols import Symbols
from otel_kubecost.exporters.series.model import Family, Sample, Series, SeriesExemplar, Type
from otel_kubecost.testing import RemoteWrite2, RemoteWriteReceiver, decode, decode_v2

V2 = "io.prometheus.write.v2.Request"

MAX_SAMPLES = st.integers(1, 8)
MAX_BYTES = st.integers(1, 600)
SEVERAL = st.lists(plain_families(), min_size=2, max_size=8)


def plain(request) -> bytes:
    return decompressed(request.body)


def sizes(requests) -> list[int]:
    return [len(plain(one)) for one in requests]


def is_over(request, max_samples, max_bytes) -> bool:
    return request.samples > max_samples or len(plain(request)) > max_bytes


def seen(requests) -> list[str]:
    """The series that the protocol's own messages read, in order, as text: NaN is NaN there."""
    read_by = {Request: decode, RequestV2: decode_v2}
    return [
        repr(one) for request in requests for one in read_by[type(request)](request.body).series
    ]


# What goes into one request.


@pytest.mark.parametrize("version", [encode, encode_v2])
@at_any_pace
@given(FAMILIES, MAX_SAMPLES, MAX_BYTES, st.booleans())
def test_no_request_is_over_a_limit_but_of_one_series(
    version, families, max_samples, max_bytes, exemplars
):
    """Samples and bytes before compression, in 2.0 with the symbols; a series is never cut."""
    for request in version(families, max_samples, max_bytes, exemplars=exemplars):
        assert request.series == 1 or not is_over(request, max_samples, max_bytes)


@pytest.mark.parametrize("version", [encode, encode_v2])
@at_any_pace
@given(FAMILIES, MAX_SAMPLES, MAX_BYTES, st.booleans())
def test_limits_change_nothing_but_where_requests_end(
    version, families, max_samples, max_bytes, exemplars
):
    """All that one large request says arrives, in its order; the decoder of 2.0 refuses symbols
    that nothing refers to."""
    cut = list(version(families, max_samples, max_bytes, exemplars=exemplars))
    whole = list(version(families, 10_000, exemplars=exemplars))
    assert seen(cut) == seen(whole)
    for name in ("samples", "series"):
        assert sum(getattr(one, name) for one in cut) == sum(getattr(one, name) for one in whole)
    assert max((one.newest for one in cut), default=0) == sum(one.newest for one in whole)


@at_any_pace
@given(FAMILIES, MAX_SAMPLES, MAX_BYTES)
def test_in_1_0_even_the_bytes_are_the_same(families, max_samples, max_bytes):
    """Requests are pieces of the one that there would be without limits."""
    cut, whole = encode(families, max_samples, max_bytes), encode(families, 10_000)
    assert b"".join(map(plain, cut)) == b"".join(map(plain, whole))


@at_any_pace
@given(FAMILIES, MAX_SAMPLES, MAX_BYTES)
def test_a_request_ends_only_where_the_next_series_has_no_room(families, max_samples, max_bytes):
    """No more requests than there have to be."""
    for one, following in pairwise(encode(families, max_samples, max_bytes)):
        first = following.only(0)
        too_many = one.samples + first.samples > max_samples
        assert too_many or len(plain(one)) + len(plain(first)) > max_bytes


@at_any_pace
@given(st.lists(plain_families(), max_size=8), MAX_SAMPLES, MAX_BYTES)
def test_so_does_one_of_2_0(families, max_samples, max_bytes):
    """What the next series costs are its bytes and the strings that the request lacks."""
    for one, following in pairwise(encode_v2(families, max_samples, max_bytes, exemplars=True)):
        (more,) = encode_v2([*read(plain(one)), read(plain(following))[0]], 1000, exemplars=True)
        assert is_over(more, max_samples, max_bytes)


@at_any_pace
@given(st.lists(plain_families(), max_size=8), MAX_SAMPLES, MAX_BYTES)
def test_metadata_has_limits_too(families, max_metadata, max_bytes):
    """As many families, as many bytes, none lost, and never a sample."""
    cut = list(encode_metadata(families, max_metadata, max_bytes))
    whole = encode_metadata(families, 10_000)
    assert b"".join(map(plain, cut)) == b"".join(map(plain, whole))
    assert all(one.series == 1 or len(plain(one)) <= max_bytes for one in cut)
    assert all(one.series <= max_metadata and not one.samples for one in cut)
    for one, following in pairwise(cut):
        more = len(plain(following.only(0)))
        assert one.series == max_metadata or len(plain(one)) + more > max_bytes


def large(name, text, exemplars=()) -> Family:
    labels = (("__name__", name), ("text", text))
    return Family(name, Type.COUNTER, [Series(labels, (Sample(5, 1.0),), exemplars)])


@pytest.mark.parametrize("version", [encode, encode_v2])
def test_a_series_that_is_too_large_goes_alone(version):
    """What came before it and what comes after it does not go with it."""
    families = [large("a", "x"), large("b", "y" * 5000), large("c", "z"), large("d", "z")]
    requests = list(version(families, 100, 1000))
    assert [one.series for one in requests] == [1, 1, 2]
    assert [size > 1000 for size in sizes(requests)] == [False, True, False]


def test_a_limit_is_met_to_the_byte():
    """A request may be as large as the limit, not a byte larger."""
    families = [large(name, "x" * 40) for name in "abcd"]
    for version in (encode, encode_v2):
        (whole,) = version(families, 100)
        limit = len(plain(whole))
        assert [one.series for one in version(families, 100, limit)] == [4]
        assert [one.series for one in version(families, 100, limit - 1)] == [3, 1]


def test_symbols_are_as_long_as_they_say():
    """Of any text; forgetting the last ones leaves what was there before."""
    symbols = Symbols()
    assert symbols.size == len(symbols.encoded()) == 2
    symbols.refs([("a", "é" * 100), ("a", "")])
    size, encoded = symbols.size, symbols.encoded()
    assert size == len(encoded)
    symbols.refs([("b", "x" * 300), ("a", "b")])
    assert symbols.size == len(symbols.encoded()) > size
    symbols.shrink(size)
    assert (symbols.size, symbols.encoded()) == (size, encoded)


# Halves.


@at_any_pace
@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30))
def test_a_cut_is_where_the_sides_differ_least(weights):
    """Neither side is empty, and no other cut is better."""
    at = middle(weights)
    assert 0 < at < len(weights)
    differences = [abs(sum(weights[:cut]) - sum(weights[cut:])) for cut in range(1, len(weights))]
    assert differences[at - 1] == min(differences)


@at_any_pace
@given(SEVERAL)
def test_halves_are_halves_of_the_bytes(families):
    """They differ by a series at most, and are together what the whole was, to the byte."""
    (whole,) = encode(families, 1000, exemplars=True)
    one, other = whole.split()
    frames = [len(message) for _, message in fields(plain(whole))]
    assert plain(one) + plain(other) == plain(whole)
    assert abs(len(plain(one)) - len(plain(other))) <= max(frames) + 4


@at_any_pace
@given(SEVERAL)
def test_halves_of_2_0_are_halves_of_what_is_said(families):
    """Measured as 1.0, which has no symbols; with exemplars, starts and what describes them."""
    (whole,) = encode_v2(families, 1000, exemplars=True)
    one, other = whole.split()
    frames = [len(message) for _, message in fields(plain(whole.as_v1()))]
    assert seen([one, other]) == seen([whole])
    weights = [len(plain(half.as_v1())) for half in (one, other)]
    assert sum(weights) == len(plain(whole.as_v1()))
    assert abs(weights[0] - weights[1]) <= max(frames) + 4


@pytest.mark.parametrize("version", [encode, encode_v2])
def test_a_large_series_has_a_half_for_itself(version):
    """Half of the series would leave nearly all of the bytes together."""
    exemplar = SeriesExemplar((("trace_id", "t" * 3000),), 5, 1.0)
    families = [large("a", "x", [exemplar]), *(large(name, "x") for name in "bcdefgh")]
    (whole,) = version(families, 100, exemplars=True)
    halves = whole.split()
    assert [half.series for half in halves] == [1, 7]
    assert seen(halves) == seen([whole])


@at_any_pace
@given(st.lists(plain_families(), min_size=2, max_size=5))
def test_metadata_is_halved_without_a_loss(families):
    """Each family is in one of the halves, as it was."""
    (whole,) = encode_metadata(families, 1000)
    halves = whole.split()
    assert b"".join(map(plain, halves)) == plain(whole)
    assert [half.samples for half in halves] == [0, 0]
    assert sum(half.series for half in halves) == len(families)


@pytest.mark.parametrize("version", [encode, encode_v2])
@at_any_pace
@given(SEVERAL, SAMPLES)
def test_halving_comes_to_an_end(version, families, samples):
    """Down to requests of one series, however the bytes are spread: each series once."""
    huge = Series((("__name__", "huge"), ("text", "x" * 3000)), samples)
    (whole,) = version([*families, Family("huge", Type.GAUGE, [huge])], 1000, exemplars=True)
    waiting, alone = [whole], []
    while waiting:
        request = waiting.pop(0)
        halves = request.split()
        waiting[:0] = halves
        if not halves:
            alone.append(request)
    assert [one.series for one in alone] == [1] * whole.series
    assert seen(alone) == seen([whole])


# The option.


def test_the_exporter_keeps_to_max_batch_size_bytes(exporter_to):
    """Beside ``max_samples_per_send``, whichever is reached first; a unit may stand behind it."""
    with Sink() as server:
        exporter_to(server, max_batch_size_bytes="1KB").export(series(100))
        bodies = sizes(request for request in server.requests if request.method == "POST")
        assert len(server.samples) == 100
    assert max(bodies) <= 1000
    assert min(bodies[:-1]) > 900


def test_so_it_does_in_2_0(exporter_to):
    """A receiver of 2.0 gets requests as small, and every sample."""
    with RemoteWriteReceiver(path=PATH, remote_write_2=RemoteWrite2.TAKEN) as receiver:
        exporter_to(receiver, protobuf_message=V2, max_batch_size_bytes=1000).export(series(100))
        posts = [request for request in receiver.requests if request.method == "POST"]
        assert max(sizes(posts)) <= 1000
        assert receiver.sample_count == 100
    assert receiver.violations == []


def test_so_it_does_with_metadata(exporter_to):
    """They are requests as well."""
    options = {"max_batch_size_bytes": 100, "metadata_config": {"send": True}}
    with Sink() as server:
        exporter_to(server, **options).export(batch(*(gauge(f"metric_{n}") for n in range(9))))
        described = [len(message.metadata) for message in server.messages]
        assert max(sizes(one for one in server.requests if one.method == "POST")) <= 100
    assert sum(described) == 9
    assert max(described) > 1
