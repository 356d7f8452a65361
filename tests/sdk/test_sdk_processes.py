"""Real processes under ``opentelemetry-instrument``, their data asked of a real Prometheus."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from peers import Prometheus, wait_until

from otel_kubecost.testing import FakeClock, SimulatedCluster, SimulatedKubecost

pytestmark = pytest.mark.peers

EXAMPLES = Path(__file__).parents[2] / "examples"
APP = EXAMPLES / "declarative" / "app.py"
INSTRUMENT = Path(sys.executable).with_name("opentelemetry-instrument")
TENANT = "11111111-2222-3333-4444-555555555555"
SECONDS = "2.5"

QUIET = {"OTEL_TRACES_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
WITHOUT_METRICS = QUIET | {"OTEL_METRICS_EXPORTER": "none"}

# A program that works in two processes, as many web servers do.
FORK = """
import os, time
from opentelemetry import metrics
time.sleep(1.2)  # there are costs by now
child = os.fork()
metrics.get_meter("shop").create_counter("orders").add(1)
time.sleep(1.2)
if child:
    assert os.waitpid(child, 0)[1] == 0
"""

# What a process has, told by itself: threads, and whether it has what observing takes.
TELL = """
import sys, threading, opentelemetry.instrumentation.instrumentor
from otel_kubecost.sdk.instrumentor import KubecostInstrumentor
heavy = {"pydantic", "requests", "ruamel", "structlog"} & set(sys.modules)
print(threading.active_count(), sorted(heavy), KubecostInstrumentor._observing)
"""


class Processes:
    """Programs that run at the same time; what they printed is there once all have ended."""

    def __init__(self):
        self.finished = {}
        self._running = {}

    def start(self, name, *command, **variables):
        self._running[name] = subprocess.Popen(
            command,
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self):
        for name, process in self._running.items():
            output, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
            self.finished[name] = (output, errors)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Every way in, all at the same time against one Prometheus; told apart by their job."""
    processes = Processes()
    clock = FakeClock(4_000_000_000.0)
    with (
        Prometheus(tmp_path_factory.mktemp("prometheus")) as prometheus,
        SimulatedKubecost(SimulatedCluster(seed=1), clock) as kubecost,
        SimulatedKubecost(SimulatedCluster(seed=1), clock) as unasked,
    ):
        declared = {
            "KUBECOST_URL": kubecost.url,
            "REMOTE_WRITE_URL": prometheus.write_url,
            "TENANT_ID": TENANT,
            "EXPORT_INTERVAL": "1000",
        }
        by_variables = QUIET | {
            "OTEL_METRICS_EXPORTER": "kubecost_prometheus_remote_write",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
            "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "otel,kubecost",
            "REMOTE_WRITE_URL": prometheus.write_url,
            "TENANT_ID": TENANT,
        }
        start, app = processes.start, (sys.executable, APP, SECONDS)
        start(
            "variables",
            *(INSTRUMENT, "--service_name", "by-variables", "--kubecost_endpoint", kubecost.url),
            *("--kubecost_levels", "cluster,namespace,pod", "--kubecost_cluster_name", "prod"),
            *app,
            **by_variables,
        )
        gauges = str(EXAMPLES / "declarative" / "gauges.yaml")
        start("gauges", INSTRUMENT, *app, **declared, OTEL_CONFIG_FILE=gauges)
        pipeline = str(EXAMPLES / "declarative" / "pipeline.yaml")
        start(
            "pipeline",
            *(INSTRUMENT, *app),
            **declared,
            OTEL_CONFIG_FILE=pipeline,
            OTEL_SERVICE_NAME="with-pipeline",
        )
        start(
            "fork",
            *(INSTRUMENT, sys.executable, "-c", FORK),
            **declared,
            OTEL_CONFIG_FILE=gauges,
            OTEL_SERVICE_NAME="forked",
        )
        by_hand = EXAMPLES / "cost_gauges.py"
        start("hand", sys.executable, by_hand, kubecost.url, prometheus.write_url, SECONDS)
        start(
            "disabled",
            *(INSTRUMENT, sys.executable, "-c", TELL),
            **by_variables,
            OTEL_SDK_DISABLED="true",
            OTEL_KUBECOST_ENDPOINT=unasked.url,
        )
        start("inert", INSTRUMENT, sys.executable, "-c", TELL, **WITHOUT_METRICS)
        processes.end()
        processes.finished["unasked"] = unasked.requests
        yield prometheus, processes.finished


def labels(prometheus, expression):
    return [one["metric"] for one in prometheus.query(expression)]


def value(prometheus, expression):
    (one,) = prometheus.query(expression)
    return float(one["value"][1])


@pytest.mark.parametrize("job", ["by-variables", "shop", "with-pipeline"])
def test_metrics_of_the_application_arrive(ran, job):
    """However the exporter is set up, the application's counter is in Prometheus."""
    prometheus, _ = ran
    assert value(prometheus, f'orders_total{{job="{job}", item="book"}}') == 2


@pytest.mark.parametrize("job", ["by-variables", "shop", "by-hand"])
def test_costs_are_among_the_metrics_of_the_application(ran, job):
    """The gauges of the instrumentor have the cluster's total, in parts that add up to it."""
    prometheus, _ = ran
    total = value(prometheus, f'cloudtuner_kubecost_cluster_total_cost{{job="{job}"}}')
    parts = value(
        prometheus,
        "sum({__name__=~"
        '"cloudtuner_kubecost_(namespace_total|cluster_(idle|unmounted|unallocated))_cost",'
        f' job="{job}"}})',
    )
    assert total > 0
    assert parts == pytest.approx(total, rel=1e-3)


@pytest.mark.parametrize("job", ["by-variables", "shop"])
def test_top_pods_are_there_and_add_up(ran, job):
    """A namespace's pods, the folded ones among them, cost what the namespace does."""
    prometheus, _ = ran
    of = f'{{job="{job}", namespace="shop"}}'
    pods = value(prometheus, f"sum(cloudtuner_kubecost_pod_total_cost{of})")
    namespace = value(prometheus, f"cloudtuner_kubecost_namespace_total_cost{of}")
    assert pods == pytest.approx(namespace, rel=1e-3)


def test_tenant_and_cluster_are_labels_in_each_way(ran):
    """By the detector or by the points, of the application's metrics or of the costs."""
    prometheus, _ = ran
    for job, cluster in (("by-variables", "prod"), ("shop", "production-k8s-cluster")):
        (orders,) = labels(prometheus, f'orders_total{{job="{job}", item="pen"}}')
        costs = labels(prometheus, f'cloudtuner_kubecost_namespace_total_cost{{job="{job}"}}')
        assert {(one["tenant_id"], one["cluster"]) for one in [orders, *costs]} == {
            (TENANT, cluster)
        }
    (by_hand,) = labels(prometheus, 'cloudtuner_kubecost_cluster_total_cost{job="by-hand"}')
    assert (by_hand["tenant_id"], by_hand["cluster"]) == (TENANT, "production-k8s-cluster")


def test_our_section_runs_as_the_command_would(ran):
    """Its series have the contract's labels and no job; what waited was sent at the end."""
    prometheus, _ = ran
    query = 'cloudtuner_kubecost_namespace_total_cost{job="", namespace="shop"}'
    wait_until(lambda: labels(prometheus, query))
    (shop,) = labels(prometheus, query)
    assert shop == {
        "__name__": "cloudtuner_kubecost_namespace_total_cost",
        "cluster": "production-k8s-cluster",
        "currency": "USD",
        "namespace": "shop",
        "tenant_id": TENANT,
    }


def test_costs_of_a_program_that_forks_are_told_once(ran):
    """Its own metrics come from each of its processes, costs from the one that was instrumented."""
    prometheus, _ = ran
    orders = labels(prometheus, 'orders_total{job="forked"}')
    costs = labels(
        prometheus, 'last_over_time(cloudtuner_kubecost_cluster_total_cost{job="forked"}[5m])'
    )
    assert len({one["instance"] for one in orders}) == 2
    assert len({one["instance"] for one in costs}) == 1


def test_nothing_runs_where_the_sdk_is_disabled(ran):
    """OTEL_SDK_DISABLED: Kubecost is not asked, and the process has what it had before."""
    _, finished = ran
    assert finished["unasked"] == []
    output, _ = finished["disabled"]
    assert output.endswith(" None\n")


def test_an_application_without_configuration_pays_nothing(ran):
    """Loaded by ``opentelemetry-instrument`` it starts no thread, imports nothing, says nothing."""
    _, finished = ran
    assert finished["inert"] == ("1 [] None\n", "")


@pytest.mark.parametrize("name", ["variables", "gauges", "pipeline", "hand", "fork"])
def test_applications_are_not_disturbed(ran, name):
    """They end with 0 and nothing is said; no warning either that the instrumentor is there twice.

    The SDK remarks on its own configurator where there is a file, and Python 3.12 on forks.
    """
    _, finished = ran
    output, errors = finished[name]
    of_others = re.compile("ignoring configurator kwargs|may lead to deadlocks in the child")
    said = [line for line in errors.splitlines() if not of_others.search(line)]
    assert (output, said) == ("", [])
