"""Pipelines that share a receiver and an exporter: each has its own way through processors."""

import pytest

from otel_kubecost.components import builtin_factories
from otel_kubecost.config.checked import parse_config
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.pipeline import Pipeline
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.service import Service
from otel_kubecost.testing import FakeClock, FakeKubecost, RemoteWriteReceiver, is_stale

NOW = 1_790_000_000.0
DAY = {"start": "2026-09-20T00:00:00Z", "end": "2026-09-21T00:00:00Z"}
ANSWER = {"code": 200, "data": [{"one/shop": {**DAY, "totalCost": 24.0, "cpuCost": 24.0}}]}
KUBECOST = {
    "tenant_id": "t",
    "cluster_name": "c",
    "collection_interval": "60s",
    "timeout": "60s",
    "currency": "USD",
}
CLUSTER, NAMESPACE = (
    "cloudtuner_kubecost_cluster_total_cost",
    "cloudtuner_kubecost_namespace_total_cost",
)


@pytest.fixture
def clock():
    return FakeClock(NOW)


@pytest.fixture
def kubecost():
    with FakeKubecost(ANSWER) as server:
        yield server


@pytest.fixture
def receiver(clock):
    with RemoteWriteReceiver(clock=clock) as server:
        yield server


def config(kubecost, receiver, *levels):
    """A pipeline for each level, which lets the metrics of that level through."""
    mapping = {
        "receivers": {"kubecost": {**KUBECOST, "endpoint": kubecost.url}},
        "processors": {
            f"cardinality_limit/{level}": {"metric_allowlist": [f".*_{level}_.*"]}
            for level in levels
        },
        "exporters": {"prometheus_remote_write": {"endpoint": receiver.endpoint}},
        "service": {
            "pipelines": {
                f"metrics/{level}": {
                    "receivers": ["kubecost"],
                    "processors": [f"cardinality_limit/{level}"],
                    "exporters": ["prometheus_remote_write"],
                }
                for level in levels
            }
        },
    }
    return parse_config(ConfMap(mapping), builtin_factories())


def points(receiver, name):
    """Of the one series of a metric."""
    (found,) = [of for labels, of in receiver.series.items() if ("__name__", name) in labels]
    return found


def marks(clock, count, pipelines):
    for _ in range(count):
        assert clock.wait_for_waiters(pipelines)
        clock.advance(60)
    assert clock.wait_for_waiters(pipelines)


def test_both_ways_have_every_mark_and_kubecost_is_asked_once_for_it(kubecost, receiver, clock):
    """What one pipeline does not let through has not ended while the other has it."""
    service = Service(config(kubecost, receiver, "cluster", "namespace"), clock=clock)
    service.start()
    marks(clock, 3, pipelines=2)
    service.shutdown()
    cluster, namespace = points(receiver, CLUSTER), points(receiver, NAMESPACE)
    assert [at for at, _ in cluster] == [at for at, _ in namespace]
    assert len(cluster) == 4
    assert not any(is_stale(value) for _, value in cluster + namespace)
    assert len(kubecost.requests) == 4
    assert receiver.violations == []


def test_a_pipeline_that_a_reload_removes_ends_its_own_series(kubecost, receiver, clock):
    """Those of the pipeline that stays go on, over the same exporter."""
    configs = [config(kubecost, receiver, "cluster", "namespace")]
    service = Service(configs[0], clock=clock, reload=lambda: configs[-1])
    service.start()
    marks(clock, 1, pipelines=2)
    configs.append(config(kubecost, receiver, "cluster"))
    assert service._reconfigure()
    marks(clock, 3, pipelines=1)
    service.shutdown()
    assert not any(is_stale(value) for _, value in points(receiver, CLUSTER))
    assert is_stale(points(receiver, NAMESPACE)[-1][1])
    assert receiver.violations == []


def test_a_pipeline_that_a_reload_adds_joins_at_the_present(kubecost, receiver, clock):
    """The one that was there has no gap."""
    configs = [config(kubecost, receiver, "cluster")]
    service = Service(configs[0], clock=clock, reload=lambda: configs[-1])
    service.start()
    marks(clock, 1, pipelines=1)
    configs.append(config(kubecost, receiver, "cluster", "namespace"))
    assert service._reconfigure()
    marks(clock, 3, pipelines=2)
    service.shutdown()
    cluster, namespace = points(receiver, CLUSTER), points(receiver, NAMESPACE)
    assert [at for at, _ in cluster] == [cluster[0][0] + 60_000 * step for step in range(5)]
    assert namespace[-1][0] == cluster[-1][0]
    assert not any(is_stale(value) for _, value in cluster + namespace)
    assert receiver.violations == []


def test_a_processor_that_fails_costs_its_own_pipeline_alone(kubecost, receiver, clock):
    """In code as well: both are given the same receiver and the same exporter."""

    def fails(_):
        raise RuntimeError("a defect of somebody's processor")

    source = KubecostReceiver(endpoint=kubecost.url, **KUBECOST, clock=clock)
    exporter = PrometheusRemoteWriteExporter(endpoint=receiver.endpoint, clock=clock)
    pipelines = [
        Pipeline(source, processors, [exporter], name=name, clock=clock)
        for name, processors in (("metrics/broken", [fails]), ("metrics/whole", []))
    ]
    for pipeline in pipelines:
        pipeline.start()
    marks(clock, 2, pipelines=2)
    for pipeline in pipelines:
        pipeline.shutdown()
    found = points(receiver, NAMESPACE)
    assert len(found) == 3
    assert not any(is_stale(value) for _, value in found)
    assert receiver.violations == []
