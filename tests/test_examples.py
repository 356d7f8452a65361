"""Each example runs as it is written, against real servers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from peers import Prometheus, wait_until

from otel_kubecost.testing import (
    FakeClock,
    RemoteWriteReceiver,
    SimulatedCluster,
    SimulatedKubecost,
)

pytestmark = pytest.mark.peers

EXAMPLES = Path(__file__).parents[1] / "examples"
CONFIG = Path(__file__).parents[1] / "config"


@pytest.fixture
def kubecost():
    """A living cluster, as Kubecost sees it; its time stands still, ahead of every window."""
    with SimulatedKubecost(SimulatedCluster(seed=1), FakeClock(4_000_000_000.0)) as server:
        yield server


def run(name, *arguments):
    finished = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "Traceback" not in finished.stderr
    return finished.stdout


def test_every_example_is_run():
    """A new example needs a test: here, or where applications of OpenTelemetry's are run."""
    instrumented = Path(__file__).parent / "sdk" / "test_sdk_processes.py"
    tested = Path(__file__).read_text() + instrumented.read_text()
    examples = [*EXAMPLES.glob("*.py"), *(EXAMPLES / "declarative").glob("*.*")]
    assert all(path.name in tested for path in examples)


def test_library(kubecost):
    """library.py: one write with namespaces and the top pods, and the library says nothing."""
    with RemoteWriteReceiver(account_id="11111111-2222-3333-4444-555555555555") as receiver:
        printed = run("library.py", kubecost.url, receiver.endpoint)
        names = {dict(labels)["__name__"] for labels in receiver.latest()}
        assert receiver.violations == []
    assert printed == "[<MetricExportResult.SUCCESS: 0>]\n"
    assert "cloudtuner_kubecost_namespace_total_cost" in names
    assert "cloudtuner_kubecost_pod_total_cost" in names


def test_embedded_sdk(kubecost):
    """embedded_sdk.py: the SDK's own exporter prints our points."""
    printed = run("embedded_sdk.py", kubecost.url, "2")
    assert '"name": "cloudtuner_kubecost_namespace_total_cost"' in printed
    assert '"k8s.namespace.name": "shop"' in printed


def test_sdk_exporter(tmp_path):
    """sdk_exporter.py: sums and histograms of an application arrive in a real Prometheus."""
    with Prometheus(tmp_path) as prometheus:
        run("sdk_exporter.py", prometheus.write_url)
        orders = prometheus.query('orders_total{item="book"}')
        buckets = prometheus.query("latency_seconds_bucket")
        (info,) = prometheus.query("target_info")
    assert [one["value"][1] for one in orders] == ["2"]
    assert orders[0]["metric"]["job"] == "shop"
    assert orders[0]["metric"]["instance"] == "shop-0"
    assert "telemetry_sdk_name" not in orders[0]["metric"]
    assert info["metric"]["telemetry_sdk_language"] == "python"
    counts = {one["metric"]["le"]: one["value"][1] for one in buckets}
    assert counts["+Inf"] == "3"
    assert counts["0"] == "0"


def test_custom_processor(kubecost):
    """custom_processor.py: the function sits in the pipeline like a built-in."""
    printed = run("custom_processor.py", kubecost.url)
    assert "cloudtuner_kubecost_cluster_total_cost" in printed
    assert "cluster_idle_cost" not in printed


def test_yaml_service(kubecost, tmp_path):
    """yaml_service.py: a ready configuration runs from Python until SIGTERM."""
    text = (CONFIG / "scrape-only.yaml").read_text()
    text = text.replace("http://kubecost-cost-analyzer.kubecost:9090", kubecost.url)
    path = tmp_path / "pipeline.yaml"
    path.write_text(text.replace("0.0.0.0:9103", "127.0.0.1:0"))
    process = subprocess.Popen(
        [sys.executable, EXAMPLES / "yaml_service.py", path],
        env=os.environ | {"TENANT_ID": "11111111-2222-3333-4444-555555555555"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: kubecost.requests, process=process)
    finally:
        process.terminate()
        _, log = process.communicate(timeout=40)
    assert process.returncode == 0, log
    assert "Starting allocation exporter..." in log


def test_yaml_service_that_is_misconfigured(tmp_path):
    """yaml_service.py: every mistake is shown, and nothing starts."""
    path = tmp_path / "broken.yaml"
    path.write_text("receivers: {kubecost: {}}\n")
    finished = subprocess.run(
        [sys.executable, EXAMPLES / "yaml_service.py", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "receivers.kubecost.tenant_id: is required" in finished.stderr
