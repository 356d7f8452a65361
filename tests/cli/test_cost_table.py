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
        ["namespace", "per", "hour", "per"],
        ["shop", "2.00000", "1,460.00", "1.50000"],
        ["dev", "0.50000", "365.00", "-"],
        ["__idle__", "0.25000", "182.50"],
        ["total", "3.00000", "2,190.00", "-"],
        ["total", "less", "the", "sum"],
    ]
    assert second.endswith("rows: 0.2500000\n")


def test_no_costs_are_said_to_be_none():
    """A scrape without an answer leaves the agent's own series alone."""
    own = {"exporter_scrape_success": {(("tenant_id", "t"),): 0.0}}
    assert cost_table(families(own)) == "There are no costs to show.\n"
