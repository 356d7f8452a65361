"""Processes that are killed, replaced and reconfigured leave no gap."""

import signal
import time

import pytest
from peers import Agent, run_command, wait_until

from otel_kubecost.testing import FakeKubecost, RemoteWriteReceiver, decode, is_stale

pytestmark = pytest.mark.peers

ROW = {"start": "2026-11-22T00:00:00Z", "end": "2026-11-23T00:00:00Z", "totalCost": 3.6}
ANSWER = {"code": 200, "data": [{"one/shop": ROW, "one/dev": ROW}]}
AWAY = 2.5
"""Seconds, and so marks, between two processes."""
TOTAL = "cloudtuner_kubecost_namespace_total_cost"


@pytest.fixture
def kubecost():
    with FakeKubecost(ANSWER) as server:
        yield server


@pytest.fixture
def store():
    with RemoteWriteReceiver() as server:
        yield server


@pytest.fixture
def config(tmp_path, kubecost, store):
    """Writes a configuration with a storage; ``more`` are options of the receiver."""

    def write(more="", exporters="prometheus_remote_write"):
        path = tmp_path / "pipeline.yaml"
        path.write_text(
            f"""
extensions:
  file_storage: {{directory: "{tmp_path / "kept"}"}}
receivers:
  kubecost: {{endpoint: "{kubecost.url}", tenant_id: t, cluster_name: c, currency: USD,
             collection_interval: 1s, emit_interval: 1s, storage: file_storage{more}}}
exporters:
  prometheus_remote_write: {{endpoint: "{store.endpoint}"}}
  prometheus: {{endpoint: "127.0.0.1:0"}}
service:
  extensions: [file_storage]
  pipelines: {{metrics: {{receivers: [kubecost], exporters: [{exporters}]}}}}
"""
        )
        return path

    return write


def seconds(store):
    """The times of each namespace's samples; all namespaces have the same."""
    (one, other) = [
        [at // 1000 for at, value in points if not is_stale(value)]
        for labels, points in store.series.items()
        if ("__name__", TOTAL) in labels
    ]
    assert one == other
    return one


def about_costs(violations):
    """A process says other things of itself than the one before it, and may do so for one mark."""
    return [one for one in violations if "kubecost_exporter_" not in one]


def come(store, count):
    """Wait for that many marks, or more."""
    wait_until(lambda: store.series and len(seconds(store)) >= count)


def test_a_kill_leaves_no_gap(config, store):
    """SIGKILL at any moment: the next process sends every mark in between, in its order. What is
    sent twice, because the kill was faster than the checkpoint, is the same; but for what a
    process says of itself."""
    for kill in range(1, 4):
        with Agent("--config", config()) as agent:
            come(store, 4 * kill)
            agent.signal(signal.SIGKILL)
            agent.wait()
        time.sleep(AWAY)
    with Agent("--config", config()) as agent:
        come(store, len(seconds(store)) + 4)
        assert agent.stop() == 0, agent.log
    times = seconds(store)
    assert times == list(range(times[0], times[-1] + 1))
    assert about_costs(store.violations) == []
    assert "Filling a gap: " in agent.log


def test_a_stop_leaves_no_gap_and_sends_nothing_twice(config, store):
    """What was drained at the end is known to have arrived."""
    for stop in range(1, 3):
        with Agent("--config", config()) as agent:
            come(store, 3 * stop)
            assert agent.stop() == 0, agent.log
    times = seconds(store)
    assert times == list(range(times[0], times[-1] + 1))
    sent = [
        point[0] // 1000
        for request in store.requests
        for series in decode(request.body).series
        if {("__name__", TOTAL), ("namespace", "shop")} <= set(series.labels)
        for point in series.points
    ]
    assert sent == times
    assert store.violations == []


def test_a_reload_in_a_gap_goes_on_with_it(config, store):
    """SIGHUP while it is filled: the storage stays open, and no mark is lost or sent twice."""
    with Agent("--config", config()) as agent:
        come(store, 3)
        agent.signal(signal.SIGKILL)
        agent.wait()
    time.sleep(AWAY)
    before = store.request_count
    store.script([503] * 8)
    with Agent("--config", config()) as agent:
        wait_until(lambda: store.request_count > before + 3)
        config(", max_staleness: 2h")
        agent.signal(signal.SIGHUP)
        come(store, 12)
        config(exporters="prometheus_remote_write, prometheus")
        agent.signal(signal.SIGHUP)
        come(store, 16)
        assert agent.stop() == 0, agent.log
    times = seconds(store)
    assert times == list(range(times[0], times[-1] + 1))
    assert about_costs(store.violations) == []
    assert agent.log.count("The new configuration is in use") == 2


def test_a_storage_that_is_in_use_is_said_with_exit_code_75(config, store):
    """Two agents on one directory: the second one says why it does not start."""
    with Agent("--config", config()):
        come(store, 1)
        with Agent("--config", config()) as second:
            assert second.wait() == 75
        assert "another process works with it; stop that one" in second.log


def test_a_command_may_be_run_beside_an_agent(config, store):
    """``backfill`` opens the storage that the agent has, and knows what the agent delivered."""
    with Agent("--config", config()) as agent:
        come(store, 3)
        day = ("--from", "2026-01-01", "--to", "2026-01-02")
        finished = run_command("backfill", "--config", config(), *day)
        assert finished.returncode == 1
        assert "would refuse 86400 marks: it has samples of" in finished.stderr
        assert agent.stop() == 0, agent.log
