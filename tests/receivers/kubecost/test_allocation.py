"""Answers of the allocation API, sound and unsound."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from row_tables import streamed

from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.receivers.kubecost.allocation import EmptySetError, decode
from otel_kubecost.receivers.kubecost.lenient import lenient_row
from otel_kubecost.receivers.kubecost.rows import Row


def answer(*sets, **envelope):
    return json.dumps({"code": 200, "data": list(sets)} | envelope).encode()


def test_a_sound_answer_is_decoded_into_typed_rows():
    """Numbers, times and identity are read; fields that nobody uses are passed over."""
    row = {"name": "shop", "cpuCost": 1, "totalCost": 2.5, "start": "s", "pvs": "None",
           "properties": {"cluster": "c", "namespace": "shop", "labels": {"a": "b"}}}  # fmt: skip
    (rows,) = decode(answer({"shop": row})).sets
    assert rows["shop"].cpu_cost == 1.0
    assert rows["shop"].total_cost == 2.5
    assert rows["shop"].ram_cost is UNSET
    properties = rows["shop"].properties
    assert (properties.cluster, properties.namespace, properties.pod) == ("c", "shop", None)


@pytest.mark.parametrize(
    "body",
    [
        answer(),
        answer(None),
        answer({}),
        answer({"a": None}),
        b'{"code":200,"data":null}',
    ],
    ids=["no sets", "null set", "empty set", "only null rows", "data null"],
)
def test_an_answer_without_rows_is_no_data(body):
    """Kubecost 3 answers [null] for an hour that is not computed, OpenCost [{}]."""
    with pytest.raises(NoDataError, match="empty data"):
        streamed(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"<!doctype html>", "not JSON"),
        (b"[]", "not JSON of an allocation query"),
        (b"{}", "no allocation data"),
        (b'{"data": "text"}', "not JSON of an allocation query"),
        (answer({"a": {}})[:-5], "not JSON"),
        (b'{"data":' + b"[" * 100_000, "not JSON"),
        (b'{"code":200,"data":[{"a":{"x":' + b"[" * 100_000, "not JSON"),
        (b'{"code":500,"status":"error","data":null,"message":"..."}', "returned 500: ..."),
        (b'{"code":500,"message":"query failed"}', "returned 500: query failed"),
        (b'{"status":"error","message":"boom","data":null}', "returned an error: boom"),
    ],
)
def test_what_is_no_answer_is_a_scrape_error(body, reason):
    """Nothing that a server can send raises anything but ScrapeError."""
    with pytest.raises(ScrapeError, match=reason):
        decode(body)


def test_an_empty_set_in_accumulation_is_no_data_and_no_outage():
    """OpenCost answers 500 for it (openchoreo 4522)."""
    message = "error accumulating: AllocationSetRange has empty AssetSet in accumulation"
    with pytest.raises(EmptySetError):
        decode(json.dumps({"code": 500, "data": None, "message": message}).encode())


def test_one_bad_row_is_one_bad_row():
    """A row of another shape is read field by field, its neighbours as ever."""
    rows = {
        "strings": {"cpuCost": "1.5", "ramCost": "NaN", "gpuCost": "None", "totalCost": [3]},
        "good": {"cpuCost": 2},
        "null": None,
        "number": 7,
    }
    found = decode(answer(rows))
    assert found.sets[0]["good"].cpu_cost == 2
    strings = found.sets[0]["strings"]
    assert (strings.cpu_cost, strings.ram_cost) == (1.5, None)
    assert (strings.gpu_cost, strings.total_cost) == (None, None)
    assert (found.null_rows, found.lenient_rows) == (2, 1)
    assert set(found.sets[0]) == {"strings", "good"}


def test_a_number_beyond_all_doubles_is_not_known():
    """1e999 is no number of money."""
    (rows,) = decode(b'{"data":[{"a":{"totalCost":1e999,"cpuCost":1}}]}').sets
    assert rows["a"].total_cost is None
    assert rows["a"].cpu_cost == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["cpuCost", "totalCost", "properties", "window", "start", "cpuEfficiency", "gpuCostAdjustment"]
)


@given(st.dictionaries(st.text(max_size=5), st.dictionaries(FIELDS, JSON) | JSON, max_size=4))
def test_any_row_is_read_or_refused(rows):
    """Whatever JSON stands where rows should, decoding gives rows or ScrapeError."""
    body = json.dumps({"code": 200, "data": [rows]}).encode("utf-8", "surrogatepass")
    try:
        found = decode(body)
    except ScrapeError:
        return
    assert all(isinstance(row, Row) for one in found.sets for row in one.values())


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body):
    """No body whatever makes decoding raise anything but ScrapeError."""
    with pytest.raises(ScrapeError):
        decode(body)


@given(st.dictionaries(FIELDS, JSON))
def test_lenient_rows_hold_finite_numbers_only(loose):
    """What is not a finite number is None."""
    row = lenient_row(loose)
    for number in (row.cpu_cost, row.total_cost, row.cpu_efficiency):
        assert number is UNSET or number is None or abs(number) < float("inf")
