"""Which product answers, told from what it answers."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubecost_asking import DAY, NAMESPACES, T0, client_of

from otel_kubecost.errors import ScrapeError
from otel_kubecost.receivers.kubecost.product import HEAD, Product, recognise
from otel_kubecost.receivers.kubecost.projection import Projection
from otel_kubecost.testing import (
    FakeClock,
    FakeKubecost,
    Flavour,
    SimulatedCluster,
    SimulatedKubecost,
    empty_set_error,
    null_sets,
)

RECORDED = Path(__file__).parents[2] / "testcases" / "recorded"
HOUR = 3600

TOLD = {
    Flavour.KUBECOST_1: "Kubecost 1.108.1 (frontend)",
    Flavour.KUBECOST_2: "Kubecost 2.4.0 (frontend)",
    Flavour.KUBECOST_2_AGGREGATOR: "Kubecost 2.3 or 2.4 (aggregator)",
    Flavour.KUBECOST_3: "Kubecost 3.2.0 (frontend)",
    Flavour.KUBECOST_3_AGGREGATOR: "Kubecost 3.x (aggregator)",
    Flavour.OPENCOST_1_97: "OpenCost before 1.111 (api)",
    Flavour.OPENCOST_1_107: "OpenCost before 1.111 (api)",
    Flavour.OPENCOST_1_111: "OpenCost 1.111 or 1.112 (api)",
    Flavour.OPENCOST_1_113: "OpenCost 1.113 or later (api)",
    Flavour.OPENCOST_1_121: "OpenCost 1.113 or later (api)",
    Flavour.OPENCOST_UI: "OpenCost 1.113 or later (ui)",
}


@pytest.mark.parametrize("flavour", Flavour)
@pytest.mark.parametrize("dimensions", [NAMESPACES, Projection(("cluster", "namespace", "pod"))])
def test_every_flavour_is_told_apart(flavour, dimensions):
    """By one answer over real HTTP, whatever it is grouped by."""
    simulated = SimulatedKubecost(SimulatedCluster(), FakeClock(T0), flavour=flavour)
    with simulated as kubecost, client_of(kubecost) as client:
        assert client.product is None
        client.allocations(DAY, dimensions)
        assert str(client.product) == TOLD[flavour]


@pytest.mark.parametrize("flavour", Flavour)
def test_an_answer_that_tells_less_takes_nothing_back(flavour):
    """With fewer fields, without rows, or as an error, the product is the one that it was."""
    simulated = SimulatedKubecost(SimulatedCluster(), FakeClock(T0), flavour=flavour)
    with simulated as kubecost, client_of(kubecost) as client:
        client.allocations(DAY, NAMESPACES)
        kubecost.answer({"data": [{"one/shop": {"totalCost": 1}}]})
        client.allocations(DAY, NAMESPACES)
        assert str(client.product) == TOLD[flavour]
        for fault in (null_sets, empty_set_error, 500):
            kubecost.script([fault])
            with pytest.raises(ScrapeError):
                client.allocations(DAY, NAMESPACES)
            assert str(client.product) == TOLD[flavour]


@pytest.mark.parametrize("after", Flavour)
def test_a_product_that_is_replaced_is_told_anew(after):
    """An upgrade, or another product at the same address, between two questions."""
    before = SimulatedKubecost(SimulatedCluster(), FakeClock(T0), flavour=Flavour.KUBECOST_2)
    with before as kubecost, client_of(kubecost) as client:
        client.allocations(DAY, NAMESPACES)
        kubecost.flavour = after
        client.allocations(DAY, NAMESPACES)
        assert str(client.product) == TOLD[after]


def test_delays_and_retention_are_the_products():
    """OpenCost computes when it is asked; of who is not known the longer delay is assumed."""
    kubecost, opencost, unknown = Product("kubecost"), Product("opencost"), Product()
    assert [one.settle_delay for one in (kubecost, opencost, unknown)] == [1200, 300, 1200]
    assert kubecost.hourly_retention == 49 * HOUR
    assert opencost.hourly_retention is None is unknown.hourly_retention


ROW = {"totalCost": 1, "totalEfficiency": 0}
NEW = {**ROW, "cpuCostIdle": 0, "lbAllocations": None, "gpuAllocation": None}


def told(path="/allocation", headers=None, row=ROW, key="one/shop", **envelope):
    body = json.dumps({**envelope, "data": [{key: row}]}).encode()
    return str(recognise(path, headers or {}, body, [key]))


@pytest.mark.parametrize(
    ("etag", "row", "expected"),
    [
        ('"2.4.0"', ROW, "Kubecost 2.4.0 (frontend)"),
        ('W/"2.8.1-rc.3"', ROW, "Kubecost 2.8.1-rc.3 (frontend)"),
        ('"1.96.0"', NEW, "OpenCost 1.113 or later (ui)"),
        ('"1.96.0"', ROW, "an unknown product"),
        ('"5f3c-61a2"', ROW, "an unknown product"),
        ("2.4.0", ROW, "an unknown product"),
    ],
)
def test_the_etag_is_the_charts_version(etag, row, expected):
    """Also a weak one, of a proxy that compresses. The interface of OpenCost has the constant of
    a Kubecost that is older than its rows; with rows as old as that it may be either."""
    assert told("/model/allocation", {"ETag": etag}, row) == expected


@pytest.mark.parametrize(
    ("headers", "row", "key", "envelope", "expected"),
    [
        ({}, NEW, "__idle__/__idle__", {}, "Kubecost 3.x (aggregator)"),
        ({}, NEW, "one/__idle__", {}, "Kubecost 2.5 or later (aggregator)"),
        ({}, ROW, "one/__idle__", {}, "Kubecost before 2.3 (api)"),
        ({}, NEW, "__idle__", {}, "an unknown product"),
        ({}, ROW, "one/shop", {"code": 200, "status": "success"}, "OpenCost before 1.111 (api)"),
        ({}, NEW, "one/shop", {"status": "success"}, "OpenCost (api)"),
        ({"Vary": "Accept-Encoding, Origin"}, NEW, "a/b", {}, "OpenCost 1.113 or later (api)"),
        ({"Access-Control-Allow-Origin": "*"}, NEW, "a/b", {}, "OpenCost 1.113 or later (api)"),
        ({"Vary": "Accept-Encoding"}, NEW, "a/b", {}, "an unknown product"),
        ({}, NEW | {"name": '{"status":"x"}'}, "a/b", {}, "an unknown product"),
    ],
)
def test_without_an_etag_rows_and_envelope_tell(headers, row, key, envelope, expected):
    """As far as they do; a version only where a whole row was seen."""
    assert told("/allocation", headers, row, key, **envelope) == expected


def test_the_headers_of_a_browsers_guard_tell_nothing_behind_an_interface():
    """Behind /model there is a proxy, which may have added them."""
    assert told("/model/allocation", {"Vary": "Origin"}) == "an unknown product"


def test_a_row_that_is_cut_tells_no_version():
    """Of a row with labels without end the last fields are not looked at."""
    row = {"properties": {"labels": {"a": "x" * HEAD}}, **NEW}
    assert told(headers={"Vary": "Origin"}, row=row) == "OpenCost (api)"


@pytest.mark.parametrize("case", sorted(path.name for path in RECORDED.iterdir() if path.is_dir()))
def test_a_recorded_answer_is_not_taken_for_another_product(case):
    """With nothing but its body."""
    document = json.loads((RECORDED / case / "allocation.json").read_bytes())
    keys = [key for rows in document["data"] for key in rows or {}]
    body = json.dumps(document).encode()
    product = recognise("/allocation", {}, body, keys)
    assert product.name in {"unknown", case.split("_")[1]}


@given(
    st.text(),
    st.dictionaries(st.sampled_from(["ETag", "Vary"]), st.text()),
    st.binary(),
    st.lists(st.text()),
)
def test_whatever_is_answered_there_is_a_product(path, headers, body, keys):
    """Telling never fails, and it can be shown."""
    product = recognise(path, headers, body, keys)
    assert str(product)
    assert product.after(None) == product == product.after(product)


def test_a_change_of_path_forgets_the_product():
    """What it was is no evidence of what is there now."""
    with FakeKubecost({"data": [{"a/b": {}}]}) as kubecost, client_of(kubecost) as client:
        client.allocations(DAY, NAMESPACES)
        kubecost.flavour = Flavour.KUBECOST_3_AGGREGATOR
        client.allocations(DAY, NAMESPACES)
        assert client.product == Product()
