"""The simulated Kubecost as each product."""

import math
from datetime import UTC, datetime

import pytest
import requests

from otel_kubecost.testing import FakeClock, Flavour, SimulatedCluster, SimulatedKubecost
from otel_kubecost.testing.flavours import TRAITS

HOUR = 3600
T0 = 1_767_225_600  # 2026-01-01T00:00:00Z
NAME = "demo-cluster"
KUBECOSTS = [flavour for flavour in Flavour if TRAITS[flavour].is_kubecost]
OPENCOSTS = [flavour for flavour in Flavour if not TRAITS[flavour].is_kubecost]
IDLE = {"idle": "true", "includeIdle": "true"}


def simulated(flavour, now=T0, lag=0.0):
    return SimulatedKubecost(SimulatedCluster(), FakeClock(now), flavour=flavour, lag=lag)


def ask(kubecost, start, end, path="/allocation", **parameters):
    window = ",".join(
        datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in (start, end)
    )
    base = TRAITS[kubecost.flavour].base
    defaults = {"window": window, "aggregate": "cluster,namespace"}
    return requests.get(kubecost.url + base + path, params=defaults | parameters, timeout=9)


def rows_of(flavour, start=T0 - 24 * HOUR, **parameters):
    with simulated(flavour) as kubecost:
        parameters = {"accumulate": "true"} | IDLE | parameters
        (rows,) = ask(kubecost, start, T0, **parameters).json()["data"]
    return rows


@pytest.mark.parametrize("flavour", Flavour)
def test_all_flavours_report_the_same_costs(flavour):
    """However they write them."""
    rows, usual = rows_of(flavour), rows_of(Flavour.KUBECOST)
    assert len(rows) == len(usual) == 8
    for field in ("totalCost", "cpuCost", "gpuCost", "cpuCostAdjustment"):
        sums = [math.fsum(row[field] for row in one.values()) for one in (rows, usual)]
        assert sums[0] == sums[1] != 0


@pytest.mark.parametrize("flavour", Flavour)
def test_idle_is_named_as_in_the_product(flavour):
    """OpenCost joins it, Kubecost 3 writes it for each dimension, the others under the cluster."""
    (key,) = [key for key in rows_of(flavour) if "__idle__" in key]
    if flavour in OPENCOSTS:
        assert key == "__idle__"
    else:
        assert key == ("__idle__/__idle__" if "3" in flavour else f"{NAME}/__idle__")
    assert rows_of(flavour)[key]["name"] == key


@pytest.mark.parametrize("flavour", Flavour)
def test_idle_by_one_dimension_has_no_cluster(flavour):
    """Where the cluster was not asked for, none is named."""
    assert "__idle__" in rows_of(flavour, aggregate="namespace")


@pytest.mark.parametrize(
    ("flavour", "has", "lacks"),
    [
        (Flavour.OPENCOST_1_97, ["networkCost"], ["lbAllocations", "networkInternetCost"]),
        (Flavour.OPENCOST_1_107, ["lbAllocations", "networkInternetCost"], ["cpuCostIdle"]),
        (Flavour.OPENCOST_1_111, ["cpuCostIdle", "gpuUsageAverage"], ["gpuAllocation"]),
        (Flavour.OPENCOST_1_113, ["gpuAllocation"], ["gpuUsageAverage", "cpuCoreLimitAverage"]),
        (Flavour.OPENCOST_1_121, ["cpuCoreLimitAverage", "networkNatGatewayEgressCost"], []),
        (Flavour.KUBECOST_1, ["lbAllocations"], ["cpuCostIdle"]),
        (Flavour.KUBECOST_2, ["cpuCostIdle", "gpuRequestAverage"], ["gpuAllocation"]),
        (Flavour.KUBECOST_3, ["gpuAllocation"], ["gpuRequestAverage"]),
    ],
)
def test_rows_have_the_fields_of_their_generation(flavour, has, lacks):
    """And no younger ones."""
    for row in rows_of(flavour).values():
        assert set(has) <= row.keys()
        assert not set(lacks) & row.keys()


def test_properties_tell_what_was_asked_for_or_what_is_common():
    """From Kubecost 2.3 on the requested dimensions alone; before, and in OpenCost, whatever all
    members of a row share."""
    pods = {"aggregate": "cluster,namespace,pod", "start": T0 - HOUR}
    for flavour in (Flavour.KUBECOST_2, Flavour.KUBECOST_3):
        row = rows_of(flavour, **pods)[f"{NAME}/payments/postgres-0"]
        assert row["properties"].keys() == {"cluster", "namespace", "pod"}
    for flavour in (Flavour.KUBECOST_1, Flavour.OPENCOST):
        row = rows_of(flavour, **pods)[f"{NAME}/payments/postgres-0"]
        assert row["properties"].items() >= {
            "cluster": NAME, "controller": "postgres", "controllerKind": "statefulset",
            "container": "postgres",
        }.items()  # fmt: skip
        assert "pod" not in rows_of(flavour)[f"{NAME}/payments"]["properties"]


@pytest.mark.parametrize("flavour", Flavour)
def test_envelopes_have_a_status_up_to_opencost_1_112(flavour):
    """Before their data."""
    with simulated(flavour) as kubecost:
        answer = ask(kubecost, T0 - HOUR, T0).json()
    older = {Flavour.OPENCOST_1_97, Flavour.OPENCOST_1_107, Flavour.OPENCOST_1_111}
    assert list(answer) == (["code", "status", "data"] if flavour in older else ["code", "data"])


@pytest.mark.parametrize("flavour", Flavour)
def test_an_hour_that_is_not_computed_has_no_rows(flavour):
    """Null of Kubecost and {} of OpenCost, which cannot accumulate it either."""
    with simulated(flavour, now=T0 + 60, lag=1200) as kubecost:
        steps = ask(kubecost, T0, T0 + HOUR).json()["data"]
        total = ask(kubecost, T0, T0 + HOUR, accumulate="true")
    if flavour in KUBECOSTS:
        assert steps == total.json()["data"] == [None]
    else:
        assert steps == [{}]
        assert total.status_code == 500
        assert "empty AssetSet" in total.json()["message"]


def test_kubecost_has_an_hour_when_its_lag_is_over_and_not_in_parts():
    """The hour before is what there is until then, and the window's rows end with it."""
    with simulated(Flavour.KUBECOST, now=T0 + HOUR + 1199, lag=1200) as kubecost:
        window = {"start": T0 - HOUR, "end": T0 + HOUR, "accumulate": "true"}
        (rows,) = ask(kubecost, **window).json()["data"]
        assert rows[f"{NAME}/__idle__"]["end"] == "2026-01-01T00:00:00Z"
        kubecost.lag = 1199
        (rows,) = ask(kubecost, **window).json()["data"]
        assert rows[f"{NAME}/__idle__"]["end"] == "2026-01-01T01:00:00Z"


def test_opencost_has_what_is_as_old_as_its_lag():
    """It computes when it is asked, parts of hours as well."""
    with simulated(Flavour.OPENCOST, now=T0 + HOUR, lag=600) as opencost:
        (rows,) = ask(opencost, T0, T0 + HOUR, includeIdle="true").json()["data"]
    assert rows["__idle__"]["end"] == "2026-01-01T00:50:00Z"


def test_opencost_has_one_set_where_kubecost_has_one_an_hour():
    """Its step is the window, unless another is asked for."""
    for flavour, sets in ((Flavour.OPENCOST, 1), (Flavour.KUBECOST, 24)):
        with simulated(flavour) as kubecost:
            assert len(ask(kubecost, T0 - 24 * HOUR, T0).json()["data"]) == sets


def test_pages_have_the_dearest_rows_first_and_idle_on_each():
    """Together they are the whole, and beyond the last there is idle alone."""
    whole = rows_of(Flavour.KUBECOST)
    idle = f"{NAME}/__idle__"
    pages = [rows_of(Flavour.KUBECOST, limit="3", offset=str(at)) for at in (0, 3, 6, 9)]
    assert [len(page) for page in pages] == [4, 4, 2, 1]
    assert all(page[idle] == whole[idle] for page in pages)
    costs = [row["totalCost"] for page in pages for key, row in page.items() if key != idle]
    assert costs == sorted(costs, reverse=True)
    assert {key: row for page in pages for key, row in page.items()} == whole


@pytest.mark.parametrize("flavour", Flavour)
def test_nodes_cost_what_pods_and_idle_cost(flavour):
    """What nodes are paid for, as the assets API has it, is what allocations share out."""
    with simulated(flavour) as kubecost:
        data = ask(kubecost, T0 - HOUR, T0, "/assets").json()["data"]
    nodes = data if flavour in OPENCOSTS else data[0]
    rows = rows_of(flavour, start=T0 - HOUR)
    for field in ("cpuCost", "ramCost", "gpuCost"):
        assert math.fsum(node[field] for node in nodes.values()) == pytest.approx(
            math.fsum(row[field] for row in rows.values()), abs=1e-4
        )
    assert {node["type"] for node in nodes.values()} == {"Node"}
    assert all(f"/{NAME}/Node/Kubernetes/" in key for key in nodes)


def test_nodes_of_a_window_to_come_are_none():
    """As its allocations."""
    with simulated(Flavour.OPENCOST) as opencost:
        assert ask(opencost, T0, T0 + HOUR, "/assets").json()["data"] == {}


def test_a_query_without_dimensions_gets_the_products_own():
    """Namespaces from Kubecost 2 on, containers before and of OpenCost."""
    namespaces = rows_of(Flavour.KUBECOST_2, aggregate="", start=T0 - HOUR)
    containers = rows_of(Flavour.OPENCOST, aggregate="", start=T0 - HOUR)
    assert "payments" in namespaces
    assert all(key.count("/") == 4 for key in containers if not key.startswith("__"))
