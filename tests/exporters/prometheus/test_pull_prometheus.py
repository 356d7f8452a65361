"""The page in the hands of those it is for: promtool and a real Prometheus."""

import pytest
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from peers import JOB, Prometheus, lint, wait_until

from otel_kubecost.exporters.prometheus import PrometheusExporter
from otel_kubecost.exporters.series.exposition import render
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.pdata import AttributeTable, PointColumns, gauge, metrics_of

pytestmark = pytest.mark.peers

CUMULATIVE = AggregationTemporality.CUMULATIVE
RESOURCE = {"tenant.id": "t-1", "k8s.cluster.name": "prod"}
COSTS = ["total_cost", "cpu_cost", "ram_cost", "pv_cost", "network_cost", "lb_cost", "gpu_cost",
         "external_cost", "shared_cost"]  # fmt: skip
RATIOS = ["cpu_efficiency", "ram_efficiency", "total_efficiency"]
CLUSTER_ONLY = ["idle_cost", "unallocated_cost", "unmounted_cost"]
KEYS = {
    "cluster": (),
    "namespace": ("k8s.namespace.name",),
    "pod": ("k8s.namespace.name", "k8s.pod.name"),
    "node": ("k8s.node.name",),
    "controller": ("k8s.namespace.name", "controller_kind", "controller"),
    "label": ("key", "value"),
    "annotation": ("key", "value"),
}
AGENT = [
    ("scrape_success", ""),
    ("scrape_duration_seconds", "s"),
    ("last_success_timestamp_seconds", "s"),
    ("series_count", ""),
    ("data_through_timestamp_seconds", "s"),
]
ODD = 'line\nfeed, "quote", back\\slash, é, \t tab, {brace}, # hash'


def columns(keys, values, **constant):
    rows = [tuple(f"{key}-{row}" for key in keys) for row, _ in enumerate(values)]
    table = AttributeTable.of(keys, rows)
    return PointColumns.of(table, values, constant=constant, time_unix_nano=1_000_000_000)


def contract_metrics():
    for level, keys in KEYS.items():
        for name in COSTS + (CLUSTER_ONLY if level == "cluster" else []):
            full = f"cloudtuner_kubecost_{level}_{name}"
            yield gauge(full, "A cost.", "{USD/h}", columns(keys, [1.25], currency="USD"))
        for name in RATIOS:
            yield gauge(f"cloudtuner_kubecost_{level}_{name}", "A ratio.", "", columns(keys, [0.5]))


def agent_metrics():
    instance = ("service.instance.id",)
    for name, unit in AGENT:
        full = f"cloudtuner_kubecost_exporter_{name}"
        yield gauge(full, "About the agent.", unit, columns(instance, [1.0]))
    errors = Sum(columns(instance, [3.0]), CUMULATIVE, is_monotonic=True)
    yield Metric("cloudtuner_kubecost_exporter_scrape_errors", "Failed scrapes.", "", errors)


def everything(*more):
    scopes = [
        (InstrumentationScope("kubecost"), list(contract_metrics())),
        (InstrumentationScope("kubecost.agent"), list(agent_metrics())),
        (InstrumentationScope("more"), list(more)),
    ]
    return MetricsData([metrics_of(RESOURCE, scopes)])


def odd_metrics():
    table = AttributeTable.of(("text",), [(ODD,), ("plain",)])
    yield gauge("odd", "Help with \\ and\nlines.", "", PointColumns.of(table, [-1e-9, 2.0**60]))
    point = HistogramDataPoint({"a": "b"}, 0, 0, 6, 1.5, [1, 2, 3], [0.0, 0.5], 0.0, 0.0)
    yield Metric("latency", "Latency.", "s", Histogram([point], CUMULATIVE))


def test_promtool_finds_no_fault():
    """A page with every documented metric, and with a histogram, passes promtool check metrics."""
    page = render(Translator().translate(everything(*odd_metrics())))
    assert page.count(b"\n# TYPE") > 80
    assert lint(page) == (0, b"", b"")


def test_prometheus_reads_what_we_measured(tmp_path):
    """A real Prometheus that scrapes the page has each series under its labels with its value."""
    data = everything(*odd_metrics())
    exporter = PrometheusExporter(endpoint="127.0.0.1:0")
    exporter.start()
    exporter.export(data)
    target = "{}:{}".format(*exporter.address)
    with Prometheus(tmp_path, scrape=(target,)) as prometheus:
        found = wait_until(lambda: values(prometheus, '{__name__=~"cloudtuner_.*|odd|latency_.*"}'))
        exporter.export(everything())
        wait_until(lambda: not values(prometheus, "odd"))
        left = values(prometheus, '{__name__=~"cloudtuner_.*|odd|latency_.*"}')
    exporter.shutdown()
    assert without_target(found, target) == scraped_from(data)
    assert without_target(left, target) == scraped_from(everything())


def values(prometheus, expression):
    """The result of an instant query: values by labels."""
    return {
        tuple(sorted(one["metric"].items())): float(one["value"][1])
        for one in prometheus.query(expression)
    }


def scraped_from(data):
    return {
        series.labels: series.samples[0].value
        for family in Translator().translate(data)
        for series in family.series
    }


def without_target(found, target):
    """The series without the labels that Prometheus itself adds to those that it scrapes."""
    added = {("job", JOB), ("instance", target)}
    return {
        tuple(pair for pair in labels if pair not in added): value
        for labels, value in found.items()
    }
