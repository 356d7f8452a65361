"""The four in a configuration file: from a simulated Kubecost to what a TSDB receives."""

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
CONFIG = """
receivers:
  kubecost:
    endpoint: {kubecost}
    tenant_id: t
    cluster_name: prod
    levels: [cluster, namespace, pod]
processors:
  filter:
    metrics:
      include:
        match_type: regexp
        metric_names: [cloudtuner_kubecost_(cluster|namespace|pod)_.*]
        resource_attributes: [{{key: k8s.cluster.name, value: prod.*}}]
      exclude:
        match_type: regexp
        attributes: [{{key: k8s.namespace.name, value: kube-.*}}]
  resource:
    attributes:
    - {{key: k8s.cluster.name, action: update, value: production}}
  attributes:
    include: {{match_type: regexp, metric_names: [.*_pod_.*]}}
    actions:
    - {{key: k8s.pod.name, action: delete}}
    - {{key: env, action: upsert, value: prod}}
  metricstransform:
    transforms:
    - include: cloudtuner_kubecost_pod_(.*)
      match_type: regexp
      action: update
      new_name: of_all_pods_$${{1}}
      operations:
      - action: update_label
        label: k8s.namespace.name
        new_label: team
        value_actions: [{{value: payments, new_value: money}}]
exporters:
  prometheus_remote_write: {{endpoint: '{receiver}'}}
service:
  pipelines:
    metrics:
      receivers: [kubecost]
      processors: [filter, resource, attributes, metricstransform]
      exporters: [prometheus_remote_write]
"""


@pytest.fixture(scope="module")
def received(tmp_path_factory):
    """Every series with the samples of two marks, of which the second repeats the first answer."""
    clock = FakeClock(NOW)
    path = tmp_path_factory.mktemp("editing") / "pipeline.yaml"
    with (
        SimulatedKubecost(SimulatedCluster(seed=1), clock) as kubecost,
        RemoteWriteReceiver() as receiver,
    ):
        path.write_text(CONFIG.format(kubecost=kubecost.url, receiver=receiver.endpoint))
        service = Service.from_yaml(path, clock=clock)
        (pipeline,) = service.pipelines
        pipeline.run_once()
        clock.advance(60)
        pipeline.run_once()
        service.shutdown()
        assert receiver.violations == []
        return {frozenset(labels): points for labels, points in receiver.series.items()}


def series_of(received, name):
    found = {labels: points for labels, points in received.items() if ("__name__", name) in labels}
    return [(dict(labels), points) for labels, points in found.items()]


def test_only_what_passes_the_filter_is_received(received):
    """No metric of the agent itself, and no namespace of Kubernetes' own."""
    names = {dict(labels)["__name__"] for labels in received}
    assert all(name.startswith(("cloudtuner_kubecost_", "of_all_pods_")) for name in names)
    assert not any("exporter" in name or "_pod_" in name for name in names)
    namespaces = {dict(labels).get("namespace") for labels in received}
    assert not any(name and name.startswith("kube-") for name in namespaces)
    assert len(namespaces) > 3


def test_a_renamed_label_is_in_the_series(received):
    """Pods without their names are what their namespaces cost, under another name and label."""
    namespaces = {
        labels["namespace"]: points
        for labels, points in series_of(received, "cloudtuner_kubecost_namespace_cpu_cost")
    }
    teams = series_of(received, "of_all_pods_cpu_cost")
    assert {frozenset(labels) for labels, _ in teams} == {
        frozenset({"__name__", "cluster", "currency", "env", "team", "tenant_id"})
    }
    assert {(labels["cluster"], labels["env"]) for labels, _ in teams} == {("production", "prod")}
    for labels, points in teams:
        of_namespace = namespaces.pop({"money": "payments"}.get(labels["team"], labels["team"]))
        assert [time for time, _ in points] == [time for time, _ in of_namespace]
        for (_, cost), (_, expected) in zip(points, of_namespace, strict=True):
            assert math.isclose(cost, expected, abs_tol=1e-4)
    assert not namespaces


def test_both_marks_have_all_series(received):
    """An answer that is repeated at the next mark goes the same way."""
    assert {len(points) for points in received.values()} == {2}
