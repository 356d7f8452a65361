"""Batches as lines of OTLP-JSON: what protobuf reads in them, and how long they are."""

import json
import math
from dataclasses import replace
from enum import Enum

import pytest
from expectations import RECORDED
from hypothesis import example, given
from hypothesis import strategies as st
from json_file_batches import SECOND, Unending, batch, costs
from json_file_data import parsed, said, stock
from metric_batches import BATCHES
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import Gauge, Metric, MetricsData, NumberDataPoint
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.exporters.otlp_json_file.lines import LONGEST, lines
from otel_kubecost.pdata import (
    AttributeTable,
    PointColumns,
    coalesced,
    count_points,
    gauge,
    map_scopes,
    metrics_of,
)
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.testing import FakeKubecost, Flavour

READER_KNOWS_A_FILE_BY = 1000
"""Bytes at its beginning, of which the Collector makes a fingerprint."""


def written(data, longest=LONGEST):
    return said(map(parsed, lines(data, longest)))


def of_number(value, attributes=None, exemplars=()):
    point = NumberDataPoint(attributes or {}, 0, SECOND, value, exemplars)
    return batch(Metric("cost", "", "", Gauge([point])))


def as_lists(data):
    """The same as an SDK would have it."""

    def listed(_, metrics):
        return [
            replace(one, data=replace(one.data, data_points=list(one.data.data_points)))
            for one in metrics
        ]

    return map_scopes(data, listed)


def collected(tenant):
    answer = RECORDED / "14_opencost_namespace_deployment_pod_container_1h" / "allocation.json"
    with FakeKubecost(answer.read_bytes(), flavour=Flavour.OPENCOST) as kubecost:
        receiver = KubecostReceiver(
            endpoint=kubecost.url,
            tenant_id=tenant,
            cluster_name="prod",
            levels=["cluster", "namespace", "pod"],
        )
        batches = list(receiver.collect(1_700_000_040.0))
        receiver.shutdown()
    return [of_resource for one in batches for of_resource in one.resource_metrics]


@given(BATCHES, st.sampled_from([200, 500, 2000, LONGEST]))
@example(MetricsData([]), LONGEST)
def test_what_is_read_back_is_what_the_stock_encoder_says(data, longest):
    """Every point with its resource, scope and metric, in order, however the lines are cut."""
    once = coalesced(data)
    assert written(once, longest) == stock(once)
    found = list(lines(once, longest))
    assert all(one.endswith(b"\n") and one.count(b"\n") == 1 for one in found)
    assert all(len(one) <= longest or len(said([parsed(one)])) == 1 for one in found)


def test_two_tenants_of_a_recorded_answer_arrive_whole():
    """Lazy and plain data are the same lines, and the stock encoder's message."""
    lazy = coalesced(MetricsData([*collected("tenant-a"), *collected("tenant-b")]))
    assert count_points(lazy) > 50
    assert written(lazy) == stock(as_lists(lazy))
    assert b"".join(lines(lazy)) == b"".join(lines(as_lists(lazy)))
    of_a, of_b = (
        sum(tenant in resource for resource, *_ in written(lazy))
        for tenant in (b"tenant-a", b"tenant-b")
    )
    assert of_a == of_b == count_points(lazy) / 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7e308, 0.1])
def test_every_float_is_read_back(value):
    """In columns and in points; what is not finite has its name."""
    columns = PointColumns.of(AttributeTable((), (), 1), [value], time_unix_nano=SECOND)
    for data in (of_number(value), batch(gauge("cost", "", "", columns))):
        assert written(data) == stock(data)


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_integer_of_64_bits_is_read_back(value):
    """As decimal text: JSON's numbers are exact up to 2 to the power of 53 in many readers."""
    data = of_number(value)
    (line,) = lines(data)
    assert f'"asInt":"{value}"'.encode() in line
    assert written(data) == stock(data)


def test_an_integer_of_more_bits_costs_no_line():
    """A reader of int64 would refuse all of it: a value becomes a float, an attribute a text."""
    assert written(of_number(2**63)) == stock(of_number(2.0**63))
    large, small = of_number(True, {"a": 2**63}), of_number(1, {"a": str(2**63)})
    assert written(large) == stock(small)


def test_a_number_with_a_name_is_a_number():
    """And a key that is a number is a text, the only keys that OTLP has."""
    two = Enum("Level", {"TWO": 2}, type=int).TWO
    assert written(of_number(1.5, {"a": two, "b": {1: two}})) == stock(
        of_number(1.5, {"a": 2, "b": {"1": 2}})
    )


VALUES = st.recursive(
    st.text()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.text(), VALUES, max_size=3))
@example({"a": None, "b": "line\nbreak", "c": "\u2028 \x00 é"})
def test_attributes_of_every_type_are_read_back(attributes):
    """Of points; lists and mappings too."""
    data = of_number(1.5, attributes)
    assert written(data) == stock(data)


@given(
    st.lists(st.tuples(st.text(), st.text()), unique=True, min_size=1, max_size=4),
    st.sampled_from(["k8s.pod.name", "node", "other", 'quo"te']),
)
def test_columns_of_any_text_are_read_back(rows, key):
    """An attribute of all points goes before that of a row with its name."""
    table = AttributeTable.of(["k8s.pod.name", "node"], rows)
    constant = {key: "x", "currency": "USD"}
    points = PointColumns.of(table, [1.0] * len(rows), constant=constant, time_unix_nano=SECOND)
    lazy = batch(gauge("cost", "", "", points))
    assert by_attributes(lazy) == by_attributes(as_lists(lazy))


def by_attributes(data):
    """The attributes of each point; their order says nothing."""
    return [
        sorted((one.key, one.value.string_value) for one in point.attributes)
        for line in lines(data)
        for point in parsed(line).resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
    ]


def test_what_is_no_text_and_no_type_of_otlp_is_written_as_text():
    """Half a surrogate pair cannot be encoded, and a set has no word in OTLP."""
    (line,) = lines(of_number(1.5, {"a": "\ud800", "b": {1}}))
    assert b'{"stringValue":"?"}' in line
    assert b'{"stringValue":"{1}"}' in line


def test_exemplars_have_their_trace_in_hexadecimal():
    """The one exception of OTLP from protobuf's JSON, where bytes are base64."""
    sampled = Exemplar({"http.route": "/"}, 1.5, SECOND, span_id=0xAB, trace_id=0xCD)
    data = of_number(2, exemplars=[sampled, Exemplar({}, 3, SECOND)])
    (line,) = lines(data)
    assert b'"spanId":"00000000000000ab"' in line
    assert b'"traceId":"000000000000000000000000000000cd"' in line
    assert written(data) == stock(data)


def test_enumerations_are_numbers_and_keys_lower_camel_case():
    """As the OTLP specification wants it, which is stricter than protobuf's JSON."""
    (line,) = lines(costs(1))
    assert json.loads(line) == {
        "resourceMetrics": [
            {
                "scopeMetrics": [
                    {
                        "metrics": [
                            {
                                "name": "cost",
                                "gauge": {
                                    "dataPoints": [
                                        {
                                            "timeUnixNano": "1000000000",
                                            "asDouble": 0.0,
                                            "attributes": [
                                                {
                                                    "key": "k8s.pod.name",
                                                    "value": {"stringValue": "pod-0"},
                                                }
                                            ],
                                        }
                                    ]
                                },
                                "unit": "{USD/h}",
                                "description": "What it costs.",
                            }
                        ],
                        "scope": {"name": "s", "attributes": []},
                    }
                ],
                "resource": {"attributes": [{"key": "tenant.id", "value": {"stringValue": "a"}}]},
            }
        ]
    }


def test_what_is_empty_is_not_written():
    """A scope whose series have ended is empty; a file has no series that could end."""
    scopes = [(InstrumentationScope("s"), [gauge("cost", "", "", [])])]
    assert list(lines(MetricsData([metrics_of({}, scopes)]))) == []


def test_no_line_is_longer_than_the_collector_reads_by_default():
    """Its receiver splits what is longer than 1 MiB and understands no part of it."""
    data = costs(10_000)
    found = list(lines(data))
    assert len(found) > 1
    assert all(2**20 - 200 < len(one) <= 2**20 for one in found[:-1])
    assert said(map(parsed, found)) == stock(data)


def test_files_that_begin_at_different_times_are_different_to_the_collector():
    """However much is said of the resource: the Collector knows a file by its first bytes."""
    about = {f"attribute-{at}": "the same each time " * 3 for at in range(100)}
    beginnings = set()
    for seconds in (1, 2):
        data = costs(seconds=seconds).resource_metrics[0]
        (line,) = lines(MetricsData([replace(data, resource=Resource(about))]))
        beginnings.add(line[:READER_KNOWS_A_FILE_BY])
    assert len(beginnings) == 2


def test_a_line_is_there_before_the_points_after_it_are_looked_at():
    """A batch of any size takes the memory of a line."""
    points = Unending()
    first = next(lines(batch(Metric("cost", "", "", Gauge(points)))))
    assert len(first) <= LONGEST
    assert points.taken <= first.count(b"timeUnixNano") + 1
