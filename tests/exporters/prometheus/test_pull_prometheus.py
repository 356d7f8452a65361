"""The page in the hands of those it is for: promtool and a real Prometheus."""

import contextlib
import shutil
import socket
import subprocess
import time

import pytest
import requests
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.exporters.prometheus import PrometheusExporter
from otel_kubecost.exporters.series.exposition import render
from otel_kubecost.exporters.series.translate import Translator
from otel_kubecost.pdata import AttributeTable, PointColumns, gauge, metrics_of

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


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_finds_no_fault():
    """A page with every documented metric, and with a histogram, passes promtool check metrics."""
    page = render(Translator().translate(everything(*odd_metrics())))
    assert page.count(b"\n# TYPE") > 80
    check = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, check=False
    )
    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@contextlib.contextmanager
def prometheus(directory, target):
    """The URL of a Prometheus that scrapes ``target`` twice a second."""
    config = directory / "prometheus.yml"
    config.write_text(
        "scrape_configs:\n"
        "- job_name: agent\n"
        "  scrape_interval: 500ms\n"
        "  scrape_timeout: 500ms\n"
        "  honor_labels: true\n"
        f"  static_configs: [{{targets: ['{target}']}}]\n"
    )
    listen = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address={listen}",
            "--log.level=error",
        ]
    )
    try:
        yield f"http://{listen}"
    finally:
        process.terminate()
        process.wait(30)


def query(url, expression):
    """Labels and value of each series of an instant query; None as long as there is no answer."""
    try:
        answer = requests.get(f"{url}/api/v1/query", {"query": expression}, timeout=9).json()
    except requests.ConnectionError:
        return None
    return {
        tuple(sorted(series["metric"].items())): float(series["value"][1])
        for series in answer["data"]["result"]
    }


def until(condition):
    """The first answer that is not empty; pytest's time-out ends the waiting."""
    while not (answer := condition()):
        time.sleep(0.1)
    return answer


@pytest.mark.skipif(not shutil.which("prometheus"), reason="Prometheus is not installed")
def test_prometheus_reads_what_we_measured(tmp_path):
    """A real Prometheus that scrapes the page has each series under its labels with its value."""
    data = everything(*odd_metrics())
    exporter = PrometheusExporter(endpoint="127.0.0.1:0")
    exporter.start()
    exporter.export(data)
    host, port = exporter.address
    with prometheus(tmp_path, f"{host}:{port}") as url:
        found = until(lambda: query(url, '{__name__=~"cloudtuner_.*|odd|latency_.*"}'))
        exporter.export(everything())
        left = until(lambda: query(url, 'count({__name__=~"cloudtuner_.*"}) and on() absent(odd)'))
    exporter.shutdown()
    assert without_target(found, f"{host}:{port}") == {
        series.labels: series.samples[0].value
        for family in Translator().translate(data)
        for series in family.series
    }
    assert left == {(): count_of_names(found, "cloudtuner_")}


def count_of_names(found, prefix):
    return sum(dict(labels)["__name__"].startswith(prefix) for labels in found)


def without_target(found, target):
    """The series without the labels that Prometheus itself adds to those that it scrapes."""
    added = {("job", "agent"), ("instance", target)}
    return {
        tuple(pair for pair in labels if pair not in added): value
        for labels, value in found.items()
    }
