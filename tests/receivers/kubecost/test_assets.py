"""Nodes from the answers of the assets API."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.errors import ScrapeError
from otel_kubecost.receivers.kubecost.assets import Assets, decode_nodes
from otel_kubecost.receivers.kubecost.window import Window, parse_time

RECORDED = Path(__file__).parents[2] / "testcases" / "assets"
DAY = Window(int(parse_time("2026-11-22T11:00:00Z")), int(parse_time("2026-11-23T11:00:00Z")))


def week(start, end):
    return Window(int(parse_time(f"{start}T00:00:00Z")), int(parse_time(f"{end}T00:00:00Z")))


def node(name="n1", preemptible=0, cluster="one", **fields):
    properties = {"cluster": cluster, "name": name}
    hours = {"cpuCoreHours": 96.0, "ramByteHours": 24.0 * 2**30, "GPUHours": 0}
    span = {"start": "2026-11-22T11:00:00Z", "end": "2026-11-23T11:00:00Z"}
    return {
        "type": "Node", "properties": properties, "preemptible": preemptible, **span, **hours
    } | fields  # fmt: skip


def nodes(*assets, window=DAY):
    data = {str(at): asset for at, asset in enumerate(assets)}
    return decode_nodes(json.dumps({"code": 200, "data": data}).encode(), window)


def test_a_recorded_answer_of_opencost_is_read():
    """One map of assets: a spot node of half a core for 66 hours, and a disk, which is no node."""
    body = (RECORDED / "09_opencost_assets_7d_map.json").read_bytes()
    found = decode_nodes(body, week("2024-06-22", "2024-06-29"))["gke-opencost"]
    assert found.kinds == {"gke-opencost-1-default-pool-a30d4801-81dm": True}
    assert found.capacity == {
        "cpu_cores": 33.083333, "ram_bytes": 137146557098.66667, "gpus": 0.0
    }  # fmt: skip
    assert found.spot_capacity == found.capacity


def test_a_recorded_answer_of_kubecost_by_type_is_read():
    """A list of maps: all nodes of a cluster as one, without a name, none of them a spot node."""
    body = (RECORDED / "08_kubecost_assets_by_type_7d.json").read_bytes()
    found = decode_nodes(body, week("2023-07-18", "2023-07-25"))["cluster-one"]
    assert found.capacity == {"cpu_cores": 967.0, "ram_bytes": 3848061831850.6665, "gpus": 0.0}
    assert found.spot_capacity == {"cpu_cores": 0.0, "ram_bytes": 0.0, "gpus": 0.0}


def test_steps_and_nodes_are_added_up():
    """Without accumulation a node is in every step; null is a step that is not there yet."""
    step = {"a": node("n1", GPUHours=2), "b": node("n2", 1)}
    body = json.dumps({"code": 200, "data": [step, None, {}, step]}).encode()
    found = decode_nodes(body, DAY)["one"]
    assert found.capacity["cpu_cores"] == 4 * 96.0
    assert found.spot_capacity["cpu_cores"] == 2 * 96.0
    assert (found.capacity["gpus"], found.spot_capacity["gpus"]) == (4.0, 0.0)
    assert found.kinds == {"n1": False, "n2": True}


def test_clusters_stay_apart():
    """Nodes of one name in two clusters are two nodes."""
    found = nodes(node("n", 1, "one"), node("n", 0, "two"))
    assert (found["one"].kinds, found["two"].kinds) == ({"n": True}, {"n": False})


@pytest.mark.parametrize("preemptible", [None, 0.5, "spot", [], True])
def test_a_node_of_another_kind_than_one_or_zero_is_of_unknown_kind(preemptible):
    """Capacity is known then, and the part of spot nodes is not."""
    found = nodes(node(preemptible=preemptible))["one"]
    assert found.kinds == {"n1": None}
    assert found.capacity["cpu_cores"] == 96.0
    assert math.isnan(found.spot_capacity["cpu_cores"])
    assert found.spot_capacity["gpus"] == 0.0


def test_a_node_that_is_said_to_be_both_is_of_unknown_kind():
    """A name that came back as another machine."""
    assert nodes(node(preemptible=1), node(preemptible=0), node(preemptible=0))["one"].kinds == {
        "n1": None
    }


@pytest.mark.parametrize(
    "span",
    [{"start": "2026-11-22T00:00:00Z"}, {"end": "2026-11-24T00:00:00+00:00"}],
)
def test_hours_of_another_window_are_not_those_of_this_one(span):
    """A server that has days alone says how much there was in a day; kinds hold all the same."""
    found = nodes(node(**span))["one"]
    assert math.isnan(found.capacity["cpu_cores"])
    assert found.kinds == {"n1": False}


def test_numbers_may_be_text_and_what_is_no_number_is_not_known():
    """As in allocations, dumps that were encoded twice are read."""
    found = nodes(node(cpuCoreHours="96.5", ramByteHours=None, preemptible="1.0"))["one"]
    assert found.capacity["cpu_cores"] == 96.5
    assert math.isnan(found.capacity["ram_bytes"])
    assert found.kinds == {"n1": True}


def test_the_only_cluster_of_both_answers_is_the_same():
    """Names of clusters need not agree where there is one; among several they do."""
    one = Assets(nodes(node(cluster="cluster-one")))
    assert one.nodes("prod", only=True) is one.clusters["cluster-one"]
    assert one.nodes("prod", only=False) is None
    two = Assets(nodes(node(cluster="a"), node(cluster="b")))
    assert two.nodes("b", only=True) is two.clusters["b"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"code": 500, "data": null, "message": "no ETL"}', "returned 500: no ETL"),
        (b"<html></html>", "is not JSON of an assets query"),
        (b'{"code": 200, "data": 7}', "is not JSON of an assets query"),
        (b"", "is not JSON of an assets query"),
        (b'{"code": 200}', "is not JSON of an assets query"),
    ],
)
def test_what_is_no_answer_of_the_assets_api_is_said(body, message):
    """Errors come with status 200 as well."""
    with pytest.raises(ScrapeError, match=message):
        decode_nodes(body, DAY)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)
FIELDS = st.dictionaries(st.sampled_from([*node(), "properties"]), JSON).map(
    lambda odd: {"type": "Node"} | odd
)


@given(st.dictionaries(st.text(max_size=3), FIELDS | JSON) | JSON)
def test_nothing_but_a_scrape_error_is_raised_and_kinds_are_three(data):
    """Whatever stands in an answer is read or refused."""
    try:
        found = decode_nodes(json.dumps({"code": 200, "data": data}).encode(), DAY)
    except ScrapeError:
        return
    kinds = {kind for of_cluster in found.values() for kind in of_cluster.kinds.values()}
    assert kinds <= {True, False, None}
