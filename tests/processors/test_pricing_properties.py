"""Pricing of whatever a receiver makes of rows: any namespaces, nodes, prices, and gaps in them."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pricing_batches import GIB, batch, values

from otel_kubecost.processors.pricing import Pricing
from otel_kubecost.receivers.kubecost.allocation import Allocations
from otel_kubecost.receivers.kubecost.answers import cluster_batch, read
from otel_kubecost.receivers.kubecost.assets import Nodes
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.dimensions import Level, queries
from otel_kubecost.receivers.kubecost.projection import Projection
from otel_kubecost.receivers.kubecost.rows import Row
from otel_kubecost.receivers.kubecost.table import RowTable
from otel_kubecost.receivers.kubecost.window import HOUR, Window

WINDOW = Window(0, 24 * HOUR)
OPTIONS = KubecostReceiverOptions(
    endpoint="http://kubecost:9090", tenant_id="t", cluster_name="prod", usage_metrics=True,
    levels=["cluster", "namespace", "node"],
)  # fmt: skip
KINDS = {"spot": True, "plain": False, "odd": None}
PARTS = ("cpu", "ram", "gpu", "pv")
LOAD_BALANCER = 0.75
SOURCE = {"zone": 0.01, "region": 0.01, "internet": 0.12}
"""Kubecost's prices of traffic."""


class Prices(NamedTuple):
    """Of an hour of a core, a GiB, a GPU, a GiB of disk; on spot nodes a share of it."""

    hourly: tuple[float, float, float, float]
    spot: float

    def options(self, times=1.0):
        names = (("CPU", "spotCPU"), ("RAM", "spotRAM"), ("GPU", "spotGPU"))
        own = {"storage": 730 * self.hourly[3] * times}
        for (regular, spot), price in zip(names, self.hourly, strict=False):
            own |= {regular: 730 * price * times, spot: 730 * price * self.spot * times}
        return own | {f"{name}NetworkEgress": price * times for name, price in SOURCE.items()}


class Piece(NamedTuple):
    """What a namespace had on a node, in hours; of traffic, the cost by class."""

    namespace: str
    node: str
    hours: tuple[int, int, int, int]
    traffic: tuple[int, int, int]
    lost: bool
    """The answer has ``null`` for the hours of cores."""

    def costs(self, prices):
        share = prices.spot if KINDS[self.node] else 1.0
        shares = (share, share, share, 1.0)
        return [h * p * s for h, p, s in zip(self.hours, prices.hourly, shares, strict=True)]


SOUND = st.builds(
    Piece,
    st.sampled_from(["a", "b", "c", "__unallocated__"]),
    st.sampled_from(["spot", "plain"]),
    st.tuples(*[st.integers(0, 500)] * 4),
    st.tuples(*[st.integers(0, 9)] * 3),
    st.just(False),
)
ANY = st.builds(lambda piece, node, lost: piece._replace(node=node, lost=lost), SOUND,
                st.sampled_from([*KINDS, "plain", "spot"]), st.integers(0, 9).map(lambda n: not n)
                )  # fmt: skip
PRICES = st.builds(Prices, st.tuples(*[st.floats(0.001, 10)] * 4), st.floats(0.05, 1.5))


def row(pieces, prices):
    costs = [sum(column) for column in zip(*(one.costs(prices) for one in pieces), strict=True)]
    hours = [sum(column) for column in zip(*(one.hours for one in pieces), strict=True)]
    traffic = [sum(column) for column in zip(*(one.traffic for one in pieces), strict=True)]
    return Row(
        total_cost=sum(costs) + sum(traffic) + LOAD_BALANCER * len(pieces),
        **{f"{part}_cost": cost for part, cost in zip(PARTS, costs, strict=True)},
        network_cost=sum(traffic),
        network_cross_zone_cost=traffic[0],
        network_cross_region_cost=traffic[1],
        network_internet_cost=traffic[2],
        load_balancer_cost=LOAD_BALANCER * len(pieces),
        cpu_core_hours=None if any(one.lost for one in pieces) else hours[0],
        ram_byte_hours=hours[1] * GIB,
        gpu_hours=hours[2],
        pv_byte_hours=hours[3] * GIB,
        cpu_efficiency=0.5,
        ram_efficiency=0.25,
        total_efficiency=(costs[0] * 0.5 + costs[1] * 0.25) / ((costs[0] + costs[1]) or 1.0),
    )


def table_of(query, rows):
    return RowTable.of(Allocations([rows]), Projection(query.dimensions))


def scraped(pieces, prices, *, known=True):
    """The costs of a cluster with ``pieces``, at ``prices``, as a receiver has them."""
    coarse, fine = {}, {}
    for piece in pieces:
        coarse.setdefault(f"one/{piece.namespace}", []).append(piece)
        fine.setdefault(f"one/{piece.namespace}/{piece.node}", []).append(piece)
    nodes = Nodes()
    for name in {piece.node for piece in pieces}:
        nodes.add(name, KINDS[name], dict.fromkeys(("cpu_cores", "gpus"), 10_000.0)
                  | {"ram_bytes": 10_000.0 * GIB})  # fmt: skip
    rows = [{key: row(of, prices) for key, of in one.items()} for one in (coarse, fine)]
    rows[0] |= {"one/__idle__": idle(pieces, prices), "one/__unmounted__": unmounted(prices)}
    answers = [
        read(query, table_of(query, of_query), WINDOW, WINDOW.end)
        for query, of_query in zip(
            queries(map(Level.parse, OPTIONS.levels), by_node=True), rows, strict=True
        )
    ]
    return batch(cluster_batch("one", answers, OPTIONS, "USD", nodes if known else None))


def idle(pieces, prices):
    """Its costs are those of the nodes less those of what ran there; hours it has none."""
    whole = [
        Piece("", node, (10_000, 10_000, 10_000, 0), (0, 0, 0), lost=False).costs(prices)
        for node in {piece.node for piece in pieces}
    ]
    taken = [piece.costs(prices) for piece in pieces]
    cpu, ram, gpu = (
        sum(one[at] for one in whole) - sum(one[at] for one in taken) for at in range(3)
    )
    return Row(total_cost=cpu + ram + gpu, cpu_cost=cpu, ram_cost=ram, gpu_cost=gpu, pv_cost=0.0,
               network_cost=0.0, cpu_core_hours=0, ram_byte_hours=0, gpu_hours=0, pv_byte_hours=0,
               )  # fmt: skip


def unmounted(prices):
    cost = 100 * prices.hourly[3]
    return Row(total_cost=cost, cpu_cost=0.0, ram_cost=0.0, pv_cost=cost, network_cost=0.0,
               cpu_core_hours=0, ram_byte_hours=0, gpu_hours=0, pv_byte_hours=100 * GIB,
               )  # fmt: skip


def costs(found):
    return {name: value for name, value in found.items() if "_cost" in name}


@given(st.lists(SOUND, min_size=1), PRICES)
def test_kubecosts_own_prices_give_kubecosts_own_costs(pieces, prices):
    """Every cost and every efficiency, of every level; nothing is left out and nothing is added."""
    given_batch = scraped(pieces, prices)
    before, after = values(given_batch), values(Pricing(**prices.options())(given_batch))
    assert after.keys() == before.keys()
    assert after == pytest.approx(before, rel=1e-9, abs=1e-6)


@given(st.lists(SOUND, min_size=1), PRICES, st.floats(0.1, 10))
def test_prices_times_a_number_are_costs_times_that_number(pieces, prices, times):
    """All but what has no price: load balancers, in the totals."""
    given_batch = scraped(pieces, prices)
    once = costs(values(Pricing(**prices.options())(given_batch)))
    more = costs(values(Pricing(**prices.options(times))(given_batch)))
    kept = {name: value for name, value in once.items() if "_lb_" in name}
    assert {name: value for name, value in more.items() if "_lb_" in name} == kept
    for name, value in once.items():
        balancers = once.get(name.replace("total", "lb"), 0.0) if "total" in name else 0.0
        if name.startswith(("node", "cluster_unalloc")) or name in kept:
            continue  # these do not say what their load balancers cost
        expected = (value - balancers) * times + balancers
        assert more[name] == pytest.approx(expected, rel=1e-9, abs=1e-6)


ASIDE = ("cluster_idle_cost", "cluster_unallocated_cost", "cluster_unmounted_cost")


@given(st.lists(ANY, min_size=1), PRICES, PRICES, st.booleans())
def test_a_total_is_the_sum_of_its_parts_or_absent(pieces, theirs, own, known):
    """The contract's identity holds at any prices, and no sum is there that lacks a part."""
    given_batch = scraped(pieces, theirs, known=known)
    before, after = values(given_batch), values(Pricing(**own.options())(given_batch))
    parts = [name for name in before if name.startswith("namespace_total_cost") or name in ASIDE]
    lost = [name for name in parts if name not in after]
    if lost:
        assert "cluster_total_cost" not in after
    if "cluster_total_cost" in after:
        expected = sum(after[name] for name in parts)
        assert after["cluster_total_cost"] == pytest.approx(expected, rel=1e-9, abs=1e-6)
    else:
        assert [name for name in after if name.startswith("exporter_unpriced_rows cluster/")]
    said = {name.partition(" ")[2].partition("/")[0] for name in after if "unpriced" in name}
    assert {name.partition("_total_cost")[0].removesuffix("_cost") for name in lost} <= said


@given(st.lists(ANY, min_size=1), PRICES, st.sets(st.sampled_from(["CPU", "RAM", "storage"])))
def test_what_has_no_price_keeps_its_cost(pieces, theirs, keys):
    """Of each part, exactly."""
    given_batch = scraped(pieces, theirs)
    before, after = values(given_batch), values(Pricing(**dict.fromkeys(keys, 1.0))(given_batch))
    named = {"CPU": "_cpu_cost", "RAM": "_ram_cost", "storage": "_pv_cost"}
    kept = [end for key, end in named.items() if key not in keys]
    kept += ["_gpu_cost", "_network", "_lb_cost"]
    for name, value in before.items():
        if any(end in name for end in kept):
            assert after[name] == value
