"""What holds of every body and every answer there can be: it is read, or it is a ScrapeError."""

from __future__ import annotations

import json
import math
from contextlib import suppress

import pytest
from answers_strategy import END, NOW
from expectations import RECORDED
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict
from row_tables import NAMESPACES, streamed

from otel_kubecost.errors import ScrapeError
from otel_kubecost.http.session import Response, Stream
from otel_kubecost.pdata import each_metric
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.receivers.kubecost.allocation import decode
from otel_kubecost.receivers.kubecost.answers import cluster_batch, read, reconciliations
from otel_kubecost.receivers.kubecost.assets import decode_nodes
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.currency import currency_code
from otel_kubecost.receivers.kubecost.dimensions import Level, queries
from otel_kubecost.receivers.kubecost.product import recognise
from otel_kubecost.receivers.kubecost.projection import Projection
from otel_kubecost.receivers.kubecost.replies import read as read_reply
from otel_kubecost.receivers.kubecost.replies import received, wrong_path
from otel_kubecost.receivers.kubecost.table import RowTable
from otel_kubecost.receivers.kubecost.window import HOUR, Window
from otel_kubecost.testing import FakeClock, FakeKubecost

many = settings(max_examples=500, phases=set(Phase) - {Phase.explain}, deadline=None)
few = settings(many, max_examples=40)
WINDOW = Window(END - 24 * HOUR, END)
OPTIONS = KubecostReceiverOptions(
    endpoint="http://kubecost:9090",
    tenant_id="t",
    cluster_name="prod",
    levels=["cluster", "namespace", "pod", "label:team", "annotation:owner"],
    pod_metrics="all",
)
QUERIES = queries(map(Level.parse, OPTIONS.levels))
BODIES = [path.read_bytes() for path in sorted(RECORDED.glob("*/allocation.json"))]


def answered(rows):
    return json.dumps({"code": 200, "data": [rows]}).encode()


def nested(depth):
    return b"[" * depth + b"]" * depth


FIRST_HOUR_OF_TIME = {"start": "0001-01-01T00:00:00+14:00", "end": "0001-01-01T01:00:00+14:00"}
INSTANT = {"start": "2026-11-23T10:00:00Z", "end": "2026-11-23T10:00:00.000001Z"}
EXTREMES = {
    "a whole number of 5000 digits": answered({"one/shop": {"totalCost": 7}}).replace(
        b"7", b"7" * 5000
    ),
    "sums beyond all doubles": answered(
        {"one/shop": {"totalCost": 1.7e308}, "one/dev": {"totalCost": 1.7e308}}
    ),
    "costs beyond all doubles with their adjustments": answered(
        {
            "one/shop": {"cpuCost": 1.7e308, "cpuCostAdjustment": 1.7e308, "totalCost": 1},
            "one/dev": {"cpuCost": -1.7e308, "cpuCostAdjustment": -1.7e308, "totalCost": 1},
        }
    ),
    "a rate beyond all doubles": answered({"one/shop": {"totalCost": 1.7e308, **INSTANT}}),
    "a year before the first": answered({"one/shop": {"totalCost": 1, **FIRST_HOUR_OF_TIME}}),
}
"""Bodies that once broke something, or could."""


def computed(body):
    """All that is made of a body, at every level; the values that would leave."""
    recognise("/model/allocation", {}, body, [])
    currency_code(body)
    with suppress(ScrapeError):
        decode_nodes(body, WINDOW)
    try:
        tables = [streamed(body, Projection(query.dimensions)) for query in QUERIES]
    except ScrapeError:
        return []
    found = [read(query, table, WINDOW, NOW) for query, table in zip(QUERIES, tables, strict=True)]
    reconciliations(found)
    return [
        point.value
        for cluster in found[0].clusters
        for metric in cluster_batch(cluster, found, OPTIONS, "USD")
        for point in metric.data.data_points
    ]


@pytest.mark.parametrize("body", EXTREMES.values(), ids=EXTREMES)
def test_extreme_bodies_are_read_or_refused(body):
    """No number, no time and no nesting breaks the program, and what leaves is finite."""
    assert all(map(math.isfinite, computed(body)))


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":500,"message":@}',
        b'{"data":[{"one/shop":{"totalCost":"1","odd":@}}]}',
        b'{"data":[{"web-0":{"totalCost":1,"properties":{"cluster":"one","labels":@}}}]}',
    ],
)
def test_no_nesting_is_too_deep(body):
    """What can just be decoded is read, what cannot is refused."""
    for depth in range(800, 1010):
        assert all(map(math.isfinite, computed(body.replace(b"@", nested(depth)))))


@given(st.binary(max_size=300))
@many
def test_any_bytes_are_refused(body):
    """Noise is a ScrapeError."""
    assert computed(body) == []
    with pytest.raises(ScrapeError):
        decode(body)


TEXT = st.text(max_size=6) | st.sampled_from(["one/shop", "__idle__", "NaN", "1e9", "2026-11-23"])
NUMBERS = st.integers() | st.floats() | st.sampled_from([1.7e308, -1.7e308, 5e-324, 10**400])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    ["totalCost", "cpuCost", "cpuCostAdjustment", "ramCost", "cpuEfficiency", "start", "end",
     "window", "properties", "minutes", "name"]
)  # fmt: skip
ROWS = st.dictionaries(TEXT, JSON | st.dictionaries(FIELDS, JSON, max_size=6), max_size=4)
DATA = JSON | ROWS | st.lists(ROWS | JSON, max_size=3)


@given(DATA, st.dictionaries(st.sampled_from(["code", "status", "message"]), JSON, max_size=2))
@many
def test_any_json_is_read_or_refused(data, envelope):
    """Whatever stands where sets, rows, numbers and times should."""
    body = json.dumps(envelope | {"data": data}).encode("utf-8", "surrogatepass")
    assert all(map(math.isfinite, computed(body)))


@st.composite
def mutilated(draw):
    """A recorded answer with some bytes that are others, missing, or there twice."""
    body = bytearray(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        until = at + draw(st.integers(0, 40))
        taken = bytes(body[at:until])
        body[at:until] = draw(st.binary(max_size=8) | st.sampled_from([b"", taken * 2, b"null"]))
    return bytes(body)


@given(mutilated())
@many
def test_mutilated_answers_are_read_or_refused(body):
    """An answer that was damaged on its way is taken as far as it is one."""
    assert all(map(math.isfinite, computed(body)))


@st.composite
def changed(draw):
    """A recorded answer in which some values are any JSON whatever."""
    document = json.loads(draw(st.sampled_from(BODIES)))
    for _ in range(draw(st.integers(1, 4))):
        node, turns = document, draw(st.lists(st.integers(0, 99), min_size=1, max_size=5))
        for turn in turns:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = keys[turn % len(keys)]
            if not isinstance(node[key], dict | list) or turn is turns[-1]:
                node[key] = draw(JSON)
                break
            node = node[key]
    return json.dumps(document).encode("utf-8", "surrogatepass")


@given(changed())
@many
def test_answers_with_other_values_are_read_or_refused(body):
    """Any field of an answer may be of any type."""
    assert all(map(math.isfinite, computed(body)))


HEADERS = st.dictionaries(
    st.sampled_from(["Content-Type", "Location", "Retry-After", "ETag", "Vary"]),
    st.sampled_from(["text/html", "application/json", "http://[", "//:0/\x1b[2J", "/login", "²"])
    | st.text(max_size=20),
)  # fmt: skip


MESSAGES = JSON.map(lambda it: json.dumps({"code": 500, "message": it}, ensure_ascii=False))
REPLIES = st.sampled_from(BODIES) | st.binary(max_size=30) | MESSAGES.map(
    lambda text: text.encode("utf-8", "surrogatepass")
)  # fmt: skip


@many
@given(st.integers(100, 599), HEADERS, REPLIES)
@example(302, {"Location": "http://["}, b"")
@example(500, {}, b'{"code":500,"message":"\\u001b[2J"}')
def test_any_reply_is_read_or_refused_in_printable_words(status, headers, body):
    """Neither a header nor a message of a server breaks the program, or writes to a terminal."""
    response = Response(status, CaseInsensitiveDict(headers), body)
    recognise("/model/allocation", response.headers, body, [])
    wrong_path(response)
    assert refusal(response).isprintable()


def refusal(response):
    """Why an answer was not read; empty where it was."""
    try:
        read_reply(received(Stream(*response[:2], iter([response.body])), RowTable(NAMESPACES)))
    except ScrapeError as error:
        return str(error)
    return ""


# Through real HTTP.


@pytest.fixture(scope="module")
def kubecost():
    with FakeKubecost(b"") as server:
        yield server


@few
@given(body=changed() | mutilated())
@example(body=EXTREMES["a whole number of 5000 digits"])
@example(body=EXTREMES["sums beyond all doubles"])
@example(body=EXTREMES["a rate beyond all doubles"])
@example(body=EXTREMES["a year before the first"])
def test_a_receiver_survives_every_body(kubecost, body):
    """It gives what is finite, or says why there is nothing: it never waits, and never stumbles."""
    kubecost.answer(body)
    receiver = KubecostReceiver(
        endpoint=kubecost.url, tenant_id="t", cluster_name="prod", clock=FakeClock(NOW)
    )
    batches = list(receiver.collect(NOW, patience=5))
    failure = receiver.failure or ""
    receiver.shutdown()
    costs = [
        point.value
        for batch in batches
        for _, _, metric in each_metric(batch)
        if "_exporter_" not in metric.name
        for point in metric.data.data_points
    ]
    assert bool(failure) != bool(costs)
    assert "not been asked" not in failure
    assert "nobody foresaw" not in failure
    assert all(map(math.isfinite, costs))
