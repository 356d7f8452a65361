"""The guide's prices in a configuration file: from a simulated Kubecost to what a TSDB receives."""

import math

import pytest

from otel_kubecost.receivers.kubecost.window import parse_time
from otel_kubecost.service import Service
from otel_kubecost.testing import (
    FakeClock,
    RemoteWriteReceiver,
    SimulatedCluster,
    SimulatedKubecost,
)

NOW = parse_time("2026-11-23T11:47:00Z")
GIB = 2**30
CONFIG = """
receivers:
  kubecost:
    endpoint: {kubecost}
    tenant_id: t
    cluster_name: prod
    levels: [cluster, namespace, pod]
    usage_metrics: true
processors:
  pricing:
      enabled: true
      CPU: "28.0"           # Monthly cost per CPU core (USD)
      spotCPU: "4.86"       # Monthly cost per spot CPU core
      RAM: "3.09"           # Monthly cost per GB of RAM
      spotRAM: "0.65"       # Monthly cost per GB of spot RAM
      storage: "0.04"       # Monthly cost per GB of storage
      zoneNetworkEgress: "0.01"
      regionNetworkEgress: "0.01"
      internetNetworkEgress: "0.12"
  cardinality_limit:
    top_n_pods: 5
    metric_allowlist: ['cloudtuner_kubecost_(cluster|namespace|pod)_(\\w+_)?(cost|cores|bytes)']
exporters:
  prometheus_remote_write: {{endpoint: '{receiver}'}}
service:
  pipelines:
    metrics:
      receivers: [kubecost]
      processors: [pricing, cardinality_limit]
      exporters: [prometheus_remote_write]
"""


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Gives the value of a series, by the name of its metric and its labels."""
    clock = FakeClock(NOW)
    path = tmp_path_factory.mktemp("pricing") / "pipeline.yaml"
    with (
        SimulatedKubecost(SimulatedCluster(seed=1), clock) as kubecost,
        RemoteWriteReceiver() as receiver,
    ):
        path.write_text(CONFIG.format(kubecost=kubecost.url, receiver=receiver.endpoint))
        service = Service.from_yaml(path, clock=clock)
        (pipeline,) = service.pipelines
        pipeline.run_once()
        service.shutdown()
        series = {labels: points[-1][1] for labels, points in receiver.series.items()}

    def value(name, **wanted):
        wanted = {("__name__", f"cloudtuner_kubecost_{name}"), *wanted.items()}
        return [value for labels, value in series.items() if wanted <= set(labels)]

    return value


def test_the_cluster_costs_what_its_nodes_and_volumes_do(stored):
    """48 cores at 28.0 a month, none of them on spot nodes, 192 GiB at 3.09, idle or not."""
    assert stored("cluster_cpu_cost") == [pytest.approx(48 * 28.0 / 730, rel=1e-6)]
    assert stored("cluster_ram_cost") == [pytest.approx(192 * 3.09 / 730, rel=1e-6)]
    (volumes,) = stored("cluster_pv_bytes")
    assert stored("cluster_pv_cost") == [pytest.approx(volumes / GIB * 0.04 / 730)]


def test_a_namespace_costs_what_it_was_given(stored):
    """And its traffic and load balancers what Kubecost says: the prices of traffic are its own."""
    (cores,) = stored("namespace_cpu_cores", namespace="payments")
    (ram,) = stored("namespace_ram_bytes", namespace="payments")
    (volumes,) = stored("namespace_pv_bytes", namespace="payments")
    (network,) = stored("namespace_network_cost", namespace="payments")
    (balancer,) = stored("namespace_lb_cost", namespace="payments")
    own = (cores * 28.0 + ram / GIB * 3.09 + volumes / GIB * 0.04) / 730
    assert stored("namespace_cpu_cost", namespace="payments") == [pytest.approx(cores * 28.0 / 730)]
    # Kubecost rounds each cost of the day to five decimals.
    total = stored("namespace_total_cost", namespace="payments")
    assert total == [pytest.approx(own + network + balancer, abs=1e-5)]


def test_the_total_is_the_sum_of_what_it_is_made_of(stored):
    """The contract's identity, of what was received."""
    kinds = ("idle", "unallocated", "unmounted", "shared")
    aside = math.fsum(value for kind in kinds for value in stored(f"cluster_{kind}_cost"))
    (total,) = stored("cluster_total_cost")
    assert math.fsum(stored("namespace_total_cost")) + aside == pytest.approx(total, abs=1e-5)


def test_pods_are_chosen_by_their_new_costs(stored):
    """Five by name and the others of a namespace as one; together they cost what namespaces do."""
    by_name = stored("pod_total_cost")
    others = stored("pod_total_cost", pod="__other__")
    assert len(by_name) - len(others) == 5
    assert max(others) > 0
    assert math.fsum(by_name) == pytest.approx(math.fsum(stored("namespace_total_cost")), abs=1e-4)
