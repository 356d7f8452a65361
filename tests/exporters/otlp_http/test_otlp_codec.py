"""Every batch becomes what OpenTelemetry's own encoder makes of it, in requests of any size."""

import math
from contextlib import suppress
from dataclasses import replace
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from otlp_batches import BATCHES, at_any_pace
from otlp_data import batch, columns, flat, gauge, point

from otel_kubecost.exporters.otlp_http.codec import compressed, decompressed, encode, unpacked
from otel_kubecost.pdata import PointColumns, coalesced, map_scopes
from otel_kubecost.storage import Place, StoredRequest
from otel_kubecost.testing.wire_otlp import MESSAGE as OTLP
from otel_kubecost.testing.wire_otlp import decode_gzipped_otlp, decode_otlp

COMPRESSIONS = st.sampled_from(["gzip", "none"])


def requests_of(data, max_points=10**9, max_bytes=math.inf, compression="none"):
    return list(encode(data, max_points, max_bytes, compression))


def plain(data):
    """The same data without a column."""

    def as_list(metric):
        if isinstance(metric.data.data_points, PointColumns):
            listed = replace(metric.data, data_points=list(metric.data.data_points))
            return replace(metric, data=listed)
        return metric

    return map_scopes(data, lambda _, metrics: [as_list(metric) for metric in metrics])


def stock(data):
    """What OpenTelemetry's encoder makes of it, with each resource and scope once."""
    return encode_metrics(coalesced(plain(data)))


def message_of(request):
    content = decompressed(request.body, request.compression)
    return ExportMetricsServiceRequest.FromString(content)


def canonical(message):
    """Equal for equal messages, and for NaN that is the same."""
    return message.SerializeToString(deterministic=True)


def points_in(messages):
    """Every point, with everything that is said around it."""
    found = []
    for message in messages:
        for of_resource in message.resource_metrics:
            for of_scope in of_resource.scope_metrics:
                for metric in of_scope.metrics:
                    found += _with_heads(of_resource, of_scope, metric)
    return sorted(found)


def _with_heads(of_resource, of_scope, metric):
    heads = [of_resource.resource, of_scope.scope]
    urls = (of_resource.schema_url, of_scope.schema_url)
    data = getattr(metric, metric.WhichOneof("data"))
    points = [canonical(point) for point in data.data_points]
    bare = type(metric)()
    bare.CopyFrom(metric)
    del getattr(bare, metric.WhichOneof("data")).data_points[:]
    return [(*map(canonical, heads), urls, canonical(bare), point) for point in points]


@at_any_pace
@given(BATCHES, COMPRESSIONS)
def test_a_batch_is_what_opentelemetrys_encoder_makes_of_it(data, compression):
    """Columns, points of any kind, attributes of any type: the message is the same."""
    requests = requests_of(data, compression=compression)
    expected = stock(data)
    assert [canonical(message_of(request)) for request in requests] == (
        [canonical(expected)] if expected.resource_metrics else []
    )
    assert sum(request.samples for request in requests) == len(points_in([expected]))


@at_any_pace
@given(BATCHES, st.integers(1, 9), st.integers(1, 400))
def test_requests_are_cut_and_lose_nothing(data, max_points, max_bytes):
    """None is larger than it may be, but for one with a single point; all have all points."""
    requests = requests_of(data, max_points, max_bytes)
    assert points_in(map(message_of, requests)) == points_in([stock(data)])
    for request in requests:
        assert request.samples == request.series == len(points_in([message_of(request)]))
        assert request.samples <= max_points
        assert len(request.body) <= max_bytes or request.samples == 1


@at_any_pace
@given(BATCHES, COMPRESSIONS)
def test_halves_have_what_the_whole_had(data, compression):
    """Down to single points, each of which is in its resource, scope and metric as before."""
    ahead, single = requests_of(data, compression=compression), []
    while ahead:
        request = ahead.pop()
        halves = request.split()
        assert sum(half.samples for half in halves) == (request.samples if halves else 0)
        assert max([half.newest for half in halves], default=request.newest) == request.newest
        ahead += halves
        single += [] if halves else [request]
    assert all(request.samples == 1 for request in single)
    assert points_in(map(message_of, single)) == points_in([stock(data)])


@given(BATCHES, st.floats(0, 1, exclude_max=True))
@at_any_pace
def test_one_point_of_a_request(data, place):
    """From the first to the last by its place, with everything around it; it can be shown."""
    for request in requests_of(data):
        one = request.only(place)
        (found,) = points_in([message_of(one)])
        assert found in points_in([message_of(request)])
        assert request.only(0) == request.only(0)
        assert one.title.isprintable()
        assert len(one.title) <= 1000


@at_any_pace
@given(BATCHES, COMPRESSIONS)
def test_whoever_audits_a_spool_reads_what_waits_there(data, compression):
    """By the kind that is written beside it; number points as any receiver has them."""
    for request in requests_of(data, compression=compression):
        decode = decode_gzipped_otlp if compression == "gzip" else decode_otlp
        assert request.kind == (OTLP if compression == "none" else f"{OTLP}+gzip")
        found = decode(request.body).series
        assert len(found) == request.samples
        assert max(at for one in found for at, _ in one.points) == request.newest


def test_an_audit_knows_a_series_by_its_resource_and_attributes():
    """As the receiver of these tests keeps it."""
    data = batch(columns("a", ["x", "y"], currency="USD"), gauge("b"), resource={"tenant.id": "t"})
    (request,) = requests_of(data)
    read = [(one.labels, *one.points) for one in decode_otlp(request.body).series]
    assert read == list(flat(message_of(request)))


@pytest.mark.parametrize("decode", [decode_otlp, decode_gzipped_otlp])
@given(body=st.binary(max_size=99))
def test_an_audit_says_what_it_cannot_read(decode, body):
    """Any bytes are read or refused with a reason."""
    with suppress(ValueError):
        decode(body)


def kept(request):
    place = Place(request.newest, 1, "000000", 1)
    return StoredRequest(place, request.samples, request.series, request.kind, request.body)


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_a_request_comes_back_as_it_was_kept(compression):
    """A successor with another configuration knows by its kind how it is compressed."""
    (request,) = requests_of(batch(gauge("a")), compression=compression)
    assert unpacked(kept(request)) == request
    assert (request.body[:2] == b"\x1f\x8b") is (compression == "gzip")


def test_a_body_is_the_same_each_time():
    """Two agents that say the same send the same bytes: there is no time in the header."""
    assert compressed([b"a", b"b"], "gzip") == compressed([b"ab"], "gzip")


def test_what_one_pod_costs_travels_together():
    """A request has some pods with all their metrics, not some metrics of all pods."""
    table = columns("total", [f"pod-{n}" for n in range(10)])
    metrics = [replace(table, name=name) for name in ("total", "cpu", "ram")]
    requests = requests_of(batch(*metrics), max_points=9)
    assert [request.samples for request in requests] == [9, 9, 9, 3]
    for request in requests:
        (of_scope,) = message_of(request).resource_metrics[0].scope_metrics
        pods = [
            [one.attributes[0].value.string_value for one in metric.gauge.data_points]
            for metric in of_scope.metrics
        ]
        assert [metric.name for metric in of_scope.metrics] == ["total", "cpu", "ram"]
        assert pods[0] == pods[1] == pods[2]


def test_columns_are_never_built(monkeypatch):
    """No point is made of what came as columns; it would take forty times as long."""
    data = batch(columns("a", ["x", "y"], currency="USD"))
    expected = stock(data)
    monkeypatch.delattr(PointColumns, "_point")
    (request,) = requests_of(data)
    assert canonical(message_of(request)) == canonical(expected)


Text = Enum("Text", {"WORD": "word"}, type=str)
"""As programs have them from before ``StrEnum``: ``str`` of a member is its name."""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nb", r'"a\nb"'),
        (True, "true"),
        (-3, "-3"),
        (0.5, "0.5"),
        ([1], "..."),
        (Text.WORD, '"word"'),
        ("a\ud800", '"a?"'),
        (2**70, '"1180591620717411303424"'),
        (object, "\"<class 'object'>\""),
    ],
)
def test_a_title_names_the_point(value, shown):
    """As PromQL would write it, with the resource; what AnyValue has no place for is text."""
    data = batch(gauge("cost", point({"a": value})), resource={"tenant.id": "t"})
    (request,) = requests_of(data)
    assert request.title == f'cost{{tenant.id="t", a={shown}}}'


def test_a_sum_that_outgrows_64_bits_is_a_float():
    """OTLP has no larger integer, and a request with everything else is worth more."""
    (request,) = requests_of(batch(gauge("a", point({}, 2**64))))
    ((_, (_, value)),) = flat(message_of(request))
    assert value == 2.0**64


def test_nothing_is_sent_of_nothing():
    """A scope that is empty says that its series ended; OTLP has no word for it."""
    assert requests_of(batch()) == requests_of(batch(columns("a", []))) == []
