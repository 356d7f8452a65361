"""The table of costs, from series."""

from otel_kubecost.cli.table import cost_table
from otel_kubecost.exporters.series.model import Family, Sample, Series, Type


def families(values):
    """A family for each metric, from values by metric and by its labels."""
    for name, by_labels in values.items():
        full = f"cloudtuner_kubecost_{name}"
        series = [
            Series((("__name__", full), *labels), [Sample(0, value)])
            for labels, value in by_labels.items()
        ]
        yield Family(full, Type.GAUGE, series, unit="{USD/h}")


def cluster(name, **namespace):
    return (("cluster", name), *namespace.items())


def test_clusters_stand_apart_with_their_own_rows():
    """Each cluster has its namespaces, dearest first, and says what its rows leave unexplained."""
    table = cost_table(
        families(
            {
                "cluster_total_cost": {cluster("b"): 3.0, cluster("a"): 1.0},
                "cluster_idle_cost": {cluster("b"): 0.25},
                "namespace_total_cost": {
                    cluster("b", namespace="dev"): 0.5,
                    cluster("b", namespace="shop"): 2.0,
                    cluster("a", namespace="dev"): 1.0,
                },
                "namespace_cpu_cost": {cluster("b", namespace="shop"): 1.5},
                "pod_total_cost": {cluster("b", namespace="shop", pod="web"): 2.0},
            }
        )
    )
    first, second = table.split("\n\n")
    assert first.startswith("cluster a\n")
    assert [line.split()[:4] for line in second.splitlines()] == [
        ["cluster", "b"],
        ["namespace", "per", "month", "per"],
        ["shop", "1,460.00", "2.00000", "1.50000"],
        ["dev", "365.00", "0.50000", "-"],
        ["__idle__", "182.50", "0.25000"],
        ["total", "2,190.00", "3.00000", "-"],
        ["total", "less", "the", "sum"],
    ]
    assert second.endswith("rows: +0.2500000 per hour\n")


def test_the_window_is_that_of_kubecosts_page():
    """What was paid in the hours that the data covers stands beside the rate, to be compared."""
    table = cost_table(
        families(
            {
                "cluster_total_cost": {(*cluster("a"), ("currency", "EUR")): 1.5},
                "namespace_total_cost": {cluster("a", namespace="dev"): 1.5},
                "namespace_cpu_cost": {cluster("a", namespace="dev"): 0.5},
                "exporter_window_start_timestamp_seconds": {cluster("a"): 1_795_392_000.0},
                "exporter_window_end_timestamp_seconds": {cluster("a"): 1_795_478_400.0},
                "exporter_covered_seconds": {cluster("a"): 10_800.0},
                "exporter_unreconciled_cost": {cluster("a", levels="pod, node"): -0.25},
            }
        )
    )
    first, second, heads, dev, *_, rows, levels = table.splitlines()
    assert first == "cluster a · EUR"
    assert second == (
        "window 2026-11-23 00:00 to 2026-11-24 00:00 UTC, data for 3.00 of 24 hours (12.5%)"
    )
    assert heads.split()[1:8] == ["per", "month", "per", "hour", "in", "the", "window"]
    assert dev.split()[:5] == ["dev", "1,095.00", "1.50000", "4.50000", "1.50000"]
    assert rows == "total less the sum of its rows: +0.0000000 EUR per hour"
    assert levels == "pod, node less the total: -0.2500000 EUR per hour"


def test_costs_that_not_everything_has_get_a_column_where_something_has_them():
    """Else the parts of what has a GPU would not explain its total."""
    table = cost_table(
        families(
            {
                "namespace_total_cost": {cluster("a", namespace="ml"): 3.0},
                "namespace_gpu_cost": {cluster("a", namespace="ml"): 2.0},
            }
        )
    )
    heads, ml, *_ = table.splitlines()[1:]
    assert heads.split()[-3:] == ["lb", "gpu", "efficiency"]
    assert ml.split()[-2:] == ["2.00000", "-"]


def test_totals_of_the_window_stay_so_beside_other_rates():
    """The unit of the costs decides, not that of a metric about them."""
    found = [
        Family(
            f"cloudtuner_kubecost_{name}",
            Type.GAUGE,
            [Series((("__name__", f"cloudtuner_kubecost_{name}"), *labels), [Sample(0, 5.0)])],
            unit=unit,
        )
        for name, labels, unit in (
            ("namespace_total_cost", cluster("a", namespace="ml"), "{USD}"),
            ("exporter_unreconciled_cost", cluster("a", levels="pod"), "{USD/h}"),
        )
    ]
    assert "per month" not in cost_table(found)


def test_without_namespaces_no_row_is_missed():
    """There is nothing that the total could be held against."""
    table = cost_table(families({"cluster_total_cost": {cluster("a"): 3.0}}))
    assert "less" not in table


def test_no_costs_are_said_to_be_none():
    """A scrape without an answer leaves the agent's own series alone."""
    own = {"exporter_scrape_success": {(("tenant_id", "t"),): 0.0}}
    assert cost_table(families(own)) == "There are no costs to show.\n"
