"""Pricing: costs at the user's prices, worked by hand.

The prices of most tests are of 730 a month, so that an hour of a core, of a GiB or of a GPU is 1.
"""

import logging

import pytest
from opentelemetry.sdk.metrics.export import Gauge, Metric, NumberDataPoint
from pricing_batches import GIB, PREFIX, SCOPE, batch, metrics, values

from otel_kubecost.errors import ConfigError
from otel_kubecost.pdata import each_metric, emptied, metrics_of, restamp
from otel_kubecost.processors.cardinality_limit import CardinalityLimit
from otel_kubecost.processors.pricing import Pricing

SHOP = {
    "total_cost": 10.0,
    "cpu_cost": 4.0,
    "ram_cost": 2.0,
    "pv_cost": 1.0,
    "network_cost": 0.5,
    "lb_cost": 2.5,
    "cpu_cores": 3.0,
    "ram_bytes": 5.0 * GIB,
    "gpus": 0.0,
    "pv_bytes": 20.0 * GIB,
}
"""A namespace: of its total of 10, a load balancer costs 2.5."""
SPOT = {"spot_cpu_cores": 1.0, "spot_ram_bytes": 5.0 * GIB, "spot_gpus": 0.0}


def priced(*of_levels, **prices):
    return values(Pricing(**prices)(batch(*of_levels)))


def namespaces(**numbers):
    return metrics("namespace", {"shop": SHOP | numbers})


def test_a_cost_is_the_hourly_price_of_what_was_allocated():
    """Three cores at 1 are 3, and the total moves from 10 to 9; the rest is Kubecost's."""
    found = priced(namespaces(), CPU=730)
    assert found["namespace_cpu_cost shop"] == 3.0
    assert found["namespace_total_cost shop"] == 9.0
    assert found["namespace_ram_cost shop"] == 2.0
    assert found["namespace_lb_cost shop"] == 2.5


def test_prices_of_the_guide_are_of_a_month_and_a_gib():
    """730 hours a month; 28.0 for a core, 3.09 for a GiB of memory, 0.04 for one of storage."""
    found = priced(namespaces(), CPU="28.0", RAM="3.09", storage="0.04")
    assert found["namespace_cpu_cost shop"] == pytest.approx(3 * 28.0 / 730)
    assert found["namespace_ram_cost shop"] == pytest.approx(5 * 3.09 / 730)
    assert found["namespace_pv_cost shop"] == pytest.approx(20 * 0.04 / 730)
    parts = (3 * 28.0 + 5 * 3.09 + 20 * 0.04) / 730
    assert found["namespace_total_cost shop"] == pytest.approx(parts + 0.5 + 2.5)


def test_spot_nodes_have_their_own_price():
    """Two cores at 1 and one at 0.1; all of the memory at 0.1."""
    found = priced(namespaces(**SPOT), CPU=730, spotCPU=73, RAM=730, spotRAM=73)
    assert found["namespace_cpu_cost shop"] == pytest.approx(2.1)
    assert found["namespace_ram_cost shop"] == pytest.approx(0.5)
    assert found["namespace_total_cost shop"] == pytest.approx(10 - 4 - 2 + 2.6)


def test_a_gpu_that_kubecost_has_no_price_for_gets_one():
    """Where there was no metric of such costs there is one now, but for objects without GPUs."""
    objects = {"ml": SHOP | {"gpus": 2.0}, "shop": SHOP}
    data = Pricing(GPU=730)(batch(metrics("namespace", objects)))
    found = values(data)
    assert found["namespace_gpu_cost ml"] == 2.0
    assert found["namespace_total_cost ml"] == 12.0
    assert "namespace_gpu_cost shop" not in found
    assert found["namespace_total_cost shop"] == 10.0
    (metric,) = [one for _, _, one in each_metric(data) if one.name.endswith("gpu_cost")]
    assert (metric.description, metric.unit) == ("GPU cost of the namespace.", "{USD/h}")
    assert metric.data.data_points[0].attributes["currency"] == "USD"


def test_traffic_is_priced_by_class_in_proportion():
    """At 0.24 instead of Kubecost's 0.12 for the internet, 0.3 become 0.6; zones stay at 0.2."""
    found = priced(
        namespaces(network_internet_cost=0.3, network_cross_zone_cost=0.2),
        internetNetworkEgress="0.24",
    )
    assert found["namespace_network_internet_cost shop"] == pytest.approx(0.6)
    assert found["namespace_network_cross_zone_cost shop"] == 0.2
    assert found["namespace_network_cost shop"] == pytest.approx(0.8)
    assert found["namespace_total_cost shop"] == pytest.approx(10.3)


def test_the_prices_that_kubecost_took_for_traffic_can_be_said():
    """Half of 0.02 is 0.01: what cost 0.5 costs 0.25."""
    found = priced(
        namespaces(network_cross_zone_cost=0.5),
        zoneNetworkEgress=0.01,
        source_prices={"zoneNetworkEgress": 0.02},
    )
    assert found["namespace_network_cost shop"] == pytest.approx(0.25)


def test_traffic_of_no_class_keeps_its_cost_and_is_counted():
    """Without the daemon set that tells classes apart Kubecost knows none."""
    found = priced(namespaces(network_internet_cost=0.3), internetNetworkEgress=0.24)
    assert found["namespace_network_cost shop"] == pytest.approx(0.8)
    assert found["exporter_unpriced_rows namespace/traffic_class_unknown"] == 1.0


def test_what_nothing_tells_the_usage_of_is_absent_and_so_is_the_total():
    """No price, no guess; what has been priced stays, and what has no price too."""
    unknown = {key: value for key, value in SHOP.items() if key != "cpu_cores"}
    found = priced(metrics("namespace", {"shop": unknown, "pay": SHOP}), CPU=730, RAM=730)
    assert "namespace_cpu_cost shop" not in found
    assert "namespace_total_cost shop" not in found
    assert found["namespace_ram_cost shop"] == 5.0
    assert found["namespace_pv_cost shop"] == 1.0
    assert found["namespace_total_cost pay"] == 12.0
    assert found["exporter_unpriced_rows namespace/usage_unknown"] == 1.0


def test_an_unknown_spot_share_matters_only_where_the_prices_differ():
    """And where there was anything at all."""
    assert "namespace_cpu_cost shop" not in priced(namespaces(), CPU=730, spotCPU=73)
    assert priced(namespaces(), CPU=730, spotCPU=730)["namespace_cpu_cost shop"] == 3.0
    assert priced(namespaces(cpu_cores=0.0), CPU=730, spotCPU=73)["namespace_cpu_cost shop"] == 0.0


def test_a_total_of_which_a_part_was_not_known_stays_unknown():
    """What the part contributed cannot be taken out of it."""
    found = priced(namespaces(cpu_cost=None), CPU=730)
    assert found["namespace_cpu_cost shop"] == 3.0
    assert "namespace_total_cost shop" not in found
    assert found["exporter_unpriced_rows namespace/cost_unknown"] == 1.0


def test_totals_of_a_window_cannot_be_priced():
    """Nothing says of how many hours they are."""
    found = priced(metrics("namespace", {"shop": SHOP}, unit="{USD}"), CPU=730)
    assert "namespace_cpu_cost shop" not in found
    assert "namespace_total_cost shop" not in found
    assert found["exporter_unpriced_rows namespace/hours_unknown"] == 1.0


IDLE = {"cost": 3.0, "cpu_cost": 2.0, "ram_cost": 1.0, "pv_cost": 0.0, "network_cost": 0.0}


def test_what_belongs_to_nobody_is_priced_as_well():
    """Idle from the capacity that is left, unmounted volumes from their bytes."""
    idle = IDLE | {"cpu_cores": 4.0, "ram_bytes": 2.0 * GIB, "pv_bytes": 0.0}
    lost = {"cost": 1.0, "pv_cost": 1.0, "pv_bytes": 3.0 * GIB}
    found = priced(
        metrics("cluster_idle", {"": idle}), metrics("cluster_unmounted", {"": lost}),
        metrics("pod_unallocated", {"": SHOP | {"cost": 10.0}}), CPU=730, RAM=730, storage=730,
    )  # fmt: skip
    assert found["cluster_idle_cost"] == 6.0
    assert found["cluster_unmounted_cost"] == 3.0
    assert found["pod_unallocated_cost"] == 3.0 + 5.0 + 20.0 + 0.5 + 2.5


def test_idle_without_nodes_is_not_priced_and_nor_is_the_cluster():
    """The cluster's total contains it."""
    cluster = {key: value for key, value in SHOP.items() if key != "cpu_cores"}
    found = priced(metrics("cluster_idle", {"": IDLE}), metrics("cluster", {"": cluster}), CPU=730)
    assert {"cluster_idle_cost", "cluster_total_cost", "cluster_cpu_cost"}.isdisjoint(found)
    assert found["exporter_unpriced_rows cluster_idle/usage_unknown"] == 1.0
    assert found["exporter_unpriced_rows cluster/usage_unknown"] == 1.0


RATIOS = {"cpu_efficiency": 0.5, "ram_efficiency": 0.2, "total_efficiency": 0.4}


def test_total_efficiency_is_weighted_by_the_new_costs():
    """CPU at 3 and memory at 5: (0.5 * 3 + 0.2 * 5) / 8; the ratios of each stay."""
    found = priced(namespaces(**RATIOS), CPU=730, RAM=730)
    assert found["namespace_total_efficiency shop"] == pytest.approx(2.5 / 8)
    assert found["namespace_cpu_efficiency shop"] == 0.5


def test_a_cluster_is_as_efficient_as_its_namespaces():
    """Idle weighs nothing: 3 of 4 cores and 5 of 9 GiB are theirs."""
    cluster = SHOP | RATIOS | {"cpu_cores": 4.0, "ram_bytes": 9.0 * GIB}
    idle = IDLE | {"cpu_cores": 1.0, "ram_bytes": 4.0 * GIB, "gpus": 0.0}
    found = priced(
        metrics("cluster", {"": cluster}), metrics("cluster_idle", {"": idle}), CPU=730, RAM=730
    )
    assert found["cluster_total_efficiency"] == pytest.approx(2.5 / 8)


def test_an_efficiency_that_new_costs_cannot_weigh_is_absent_or_kubecosts():
    """Absent where a weight or a ratio is not known, Kubecost's where nothing costs anything."""
    unknown = priced(namespaces(**RATIOS, cpu_cores=None), CPU=730)
    assert "namespace_total_efficiency shop" not in unknown
    without = priced(namespaces(**RATIOS | {"ram_efficiency": None}), RAM=730)
    assert "namespace_total_efficiency shop" not in without
    free = priced(namespaces(**RATIOS), CPU=0, RAM=0)
    assert free["namespace_total_efficiency shop"] == 0.4


def test_without_prices_or_disabled_everything_passes():
    """Also the usage, which a metric_allowlist may drop."""
    given = batch(namespaces())
    for pricing in (Pricing(), Pricing(CPU=730, enabled=False)):
        assert values(pricing(given)) == values(given)
    assert "namespace_cpu_cores shop" in priced(namespaces(), CPU=730)


def test_the_batch_given_stays_as_it_was():
    """A processor makes a new one."""
    given = batch(namespaces())
    before = values(given)
    Pricing(CPU=730)(given)
    assert values(given) == before


def test_metrics_that_do_not_share_a_table_are_joined_by_attributes():
    """As they come from another source: plain points, in another order, with their currency.

    A metric by other attributes is left alone.
    """

    def points(end, numbers, **more):
        found = [
            NumberDataPoint({"k8s.namespace.name": name, **more}, 0, 60, value)
            for name, value in numbers.items()
        ]
        unit = "{EUR/h}" if more else ""
        return Metric(f"{PREFIX}namespace_{end}", "", unit, Gauge(found))

    data = batch([
        points("total_cost", {"a": 5.0, "b": 7.0}, currency="EUR"),
        points("cpu_cost", {"b": 3.0, "a": 1.0}, currency="EUR"),
        points("cpu_cores", {"b": 2.0, "a": 4.0}),
        points("ram_cost", {"a": 1.0}, currency="EUR", zone="x"),
    ])  # fmt: skip
    priced_data = Pricing(CPU=730)(data)
    found = values(priced_data)
    assert found["namespace_ram_cost a/x"] == 1.0
    assert (found["namespace_cpu_cost a"], found["namespace_cpu_cost b"]) == (4.0, 2.0)
    assert (found["namespace_total_cost a"], found["namespace_total_cost b"]) == (8.0, 6.0)
    point = next(each_metric(priced_data))[2].data.data_points[0]
    assert (point.attributes["currency"], point.time_unix_nano) == ("EUR", 60)


def test_pods_are_ranked_by_their_new_costs_and_folded_with_their_usage():
    """The limit comes after the prices: what others had is added up like what it costs."""
    pods = {
        "a/big": {"total_cost": 1.0, "cpu_cost": 1.0, "cpu_cores": 9.0, "spot_cpu_cores": 1.0},
        "a/dear": {"total_cost": 8.0, "cpu_cost": 8.0, "cpu_cores": 2.0, "spot_cpu_cores": 0.0},
        "a/tiny": {"total_cost": 2.0, "cpu_cost": 2.0, "cpu_cores": 0.5, "spot_cpu_cores": 0.5},
    }
    limited = CardinalityLimit(top_n_pods=1)(Pricing(CPU=730)(batch(metrics("pod", pods))))
    assert values(limited) == {
        "pod_total_cost a/__other__": 2.5, "pod_total_cost a/big": 9.0,
        "pod_cpu_cost a/__other__": 2.5, "pod_cpu_cost a/big": 9.0,
        "pod_cpu_cores a/__other__": 2.5, "pod_cpu_cores a/big": 9.0,
        "pod_spot_cpu_cores a/__other__": 0.5, "pod_spot_cpu_cores a/big": 1.0,
    }  # fmt: skip


def test_the_same_batch_at_a_later_mark_is_not_worked_again():
    """The same columns at the new time, for whoever compares them."""
    pricing, given = Pricing(CPU=730), batch(namespaces())
    first, second = pricing(given), pricing(restamp(given, 120))
    for (_, _, one), (_, _, other) in zip(each_metric(first), each_metric(second), strict=True):
        assert one.data.data_points.values is other.data.data_points.values
        assert other.data.data_points.time_unix_nano == 120 * 10**9


def test_an_emptied_batch_passes_and_an_agents_own():
    """Where there are no costs there is nothing to say of prices."""
    agent = [Metric(f"{PREFIX}exporter_scrape_success", "", "", Gauge([]))]
    resource = {"tenant.id": "t"}
    pricing = Pricing(CPU=730)
    own = type(batch())([metrics_of(resource, [(SCOPE, agent)])])
    assert values(pricing(own)) == {}
    assert values(pricing(emptied(batch(namespaces())))) == {}


def test_what_is_not_priced_is_said_when_it_changes(caplog):
    """One line for the same reasons, with some names and a remedy; one when there are none left."""
    many = {f"ns-{at}": SHOP | {"cpu_cores": None} for at in range(7)}
    pricing = Pricing(CPU=730)
    with caplog.at_level(logging.INFO):
        pricing(batch(metrics("namespace", many)))
        pricing(batch(metrics("namespace", many)))
        pricing(emptied(batch(metrics("namespace", many))))
        pricing(batch(namespaces()))
        pricing(batch(namespaces(ram_cost=1.0)))
    first, last = caplog.records
    assert first.message == (
        "Not at the prices of the configuration: 7 of level namespace in prod"
        " (usage_unknown: ns-0, ns-1, ns-2, ns-3, ns-4, ...)"
    )
    assert "usage_metrics: true" in first.hint
    assert last.message == "Everything has the prices of the configuration again"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"CPU": "cheap"}, "CPU: 'cheap' is not a price; write a number, as 28.0"),
        ({"CPU": -1}, "CPU: must be 0 or more"),
        ({"CPU": "nan"}, "CPU: must be a finite number"),
        ({"CPU": True}, "CPU: True is not a price"),
        ({"spotRAM": 1}, "has spotRAM without RAM; write RAM too"),
        ({"cpu": 1}, "cpu: unknown key; known keys: CPU, GPU, RAM, enabled"),
        ({"source_prices": {"zoneNetworkEgress": 0}}, "must be more than 0"),
    ],
)
def test_bad_prices_are_refused(options, message):
    """Each with the user's own key and a remedy."""
    with pytest.raises(ConfigError) as refused:
        Pricing(**options)
    assert message in str(refused.value)
