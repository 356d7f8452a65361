"""What leaves, leaves; what is repeated, is repeated to the byte; what stops, stops well."""

import json
import signal
import socket
import urllib.request

import pytest
from peers import Agent, Prometheus, free_port, run_command, wait_until

from otel_kubecost import Pipeline
from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.processors.cardinality_limit import CardinalityLimit
from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.testing import (
    FakeClock,
    FakeKubecost,
    RemoteWriteReceiver,
    SimulatedCluster,
    SimulatedKubecost,
    decode,
    is_stale,
)

pytestmark = pytest.mark.peers

NOW = 1_790_000_000.0


def answer(*namespaces):
    rows = {
        f"one/{name}": {
            "properties": {"cluster": "one", "namespace": name},
            "start": "2026-11-22T00:00:00Z",
            "end": "2026-11-23T00:00:00Z",
            "cpuCost": 2.4,
            "ramCost": 1.2,
            "totalCost": 3.6,
        }
        for name in namespaces
    }
    return json.dumps({"code": 200, "data": [rows]}).encode()


@pytest.fixture
def config(tmp_path):
    """Writes a pipeline file from Kubecost's URL and the exporters' YAML."""

    def write(kubecost, exporters, file="pipeline.yaml"):
        lines = "\n  ".join(exporters)
        names = ", ".join(line.split(":")[0] for line in exporters)
        text = f"""
receivers:
  kubecost: {{endpoint: "{kubecost}", tenant_id: t, cluster_name: c,
             collection_interval: 1s, emit_interval: 1s}}
exporters:
  {lines}
service: {{pipelines: {{metrics: {{receivers: [kubecost], exporters: [{names}]}}}}}}
"""
        path = tmp_path / file
        path.write_text(text)
        return path

    return write


def push_to(url, more=""):
    """The YAML of an exporter; ``more`` are options after its endpoint."""
    return [f'prometheus_remote_write: {{endpoint: "{url}"{more}}}']


def test_a_namespace_that_vanishes_is_gone_after_one_emit_interval(tmp_path, config):
    """A namespace is found by an instant query while the answer has it and no longer, although
    Prometheus looks back five minutes: what it finds last is a stale marker."""
    gone = 'cloudtuner_kubecost_namespace_total_cost{namespace="dev"}'
    kept = 'cloudtuner_kubecost_namespace_total_cost{namespace="shop"}'
    with Prometheus(tmp_path) as prometheus, FakeKubecost(answer("shop", "dev")) as kubecost:
        with Agent("--config", config(kubecost.url, push_to(prometheus.write_url))) as agent:
            wait_until(lambda: prometheus.query(gone) and prometheus.query(kept))
            kubecost.answer(answer("shop"))
            wait_until(lambda: not prometheus.query(gone), timeout=10)
            assert len(prometheus.query(kept)) == 1
            assert agent.stop() == 0, agent.log
        (series,) = prometheus.query(f"{gone}[5m]")
        assert series["values"], "the samples from before are still there"
        assert prometheus.query(gone) == []


def test_series_that_left_the_answer_are_gone_from_the_page(config):
    """The pull exporter serves the last snapshot alone, and asks nobody while it is scraped."""
    port = free_port()

    def page():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as got:
                return got.read().decode()
        except OSError:
            return ""

    with FakeKubecost(answer("shop", "dev")) as kubecost:
        path = config(kubecost.url, [f'prometheus: {{endpoint: "127.0.0.1:{port}"}}'])
        with Agent("--config", path):
            wait_until(lambda: 'namespace="dev"' in page())
            kubecost.answer(answer("shop"))
            wait_until(lambda: 'namespace="dev"' not in (text := page()) and "shop" in text)
            asked = len(kubecost.requests)
            pages = [page() for _ in range(100)]
            assert all('namespace="shop"' in text for text in pages)
            assert len(kubecost.requests) - asked < 50


def cycles(count):
    """The bodies that ``count`` marks of a simulated cluster put on the wire."""
    clock = FakeClock(NOW)
    cluster = SimulatedCluster(seed=7)
    with (
        SimulatedKubecost(cluster, clock) as kubecost,
        RemoteWriteReceiver(clock=clock) as receiver,
    ):
        pipeline = Pipeline(
            KubecostReceiver(
                endpoint=kubecost.url,
                tenant_id="t",
                cluster_name="c",
                levels=["cluster", "namespace", "pod"],
                pod_metrics="all",
                emit_interval=3600,
                clock=clock,
            ),
            [CardinalityLimit(top_n_pods=5)],
            [PrometheusRemoteWriteExporter(endpoint=receiver.endpoint, clock=clock)],
            clock=clock,
        )
        for _ in range(count):
            pipeline.run_once()
            clock.advance(3600)
        pipeline.shutdown()
        assert receiver.violations == []
        return [request.body for request in receiver.requests]


def test_two_runs_with_the_same_inputs_and_clock_write_identical_bytes():
    """Ten hours of pods that come and go are the same requests to the byte, in the same order."""
    first, second = cycles(10), cycles(10)
    assert len(first) == 23  # three times something has ended
    assert first == second


def test_two_agents_write_identical_costs(tmp_path, config):
    """Two processes with one configuration send the same bytes for the same mark; only what each
    says of itself is apart, in requests of its own."""
    with (
        FakeKubecost(answer("shop", "dev", "ops")) as kubecost,
        RemoteWriteReceiver() as one,
        RemoteWriteReceiver() as other,
    ):
        with (
            Agent("--config", config(kubecost.url, push_to(one.endpoint))),
            Agent("--config", config(kubecost.url, push_to(other.endpoint), "other.yaml")),
        ):
            wait_until(lambda: len(costs(one).keys() & costs(other).keys()) >= 3)
        common = costs(one).keys() & costs(other).keys()
        assert {mark: costs(one)[mark] for mark in common} == {
            mark: costs(other)[mark] for mark in common
        }
        assert one.violations == other.violations == []


def costs(receiver):
    """Bodies of requests that are not about the agent, by the time of their samples."""
    return {
        sent(request)[0].points[0][0]: request.body
        for request in receiver.requests
        if not any("_exporter_" in dict(one.labels)["__name__"] for one in sent(request))
    }


def sent(request):
    return decode(request.body).series


def test_a_failing_kubecost_repeats_the_last_answer_and_says_so(config):
    """Costs go on from the last good answer; scrape_success is 0 at once."""
    total = "cloudtuner_kubecost_namespace_total_cost"
    success = "cloudtuner_kubecost_exporter_scrape_success"
    with (
        FakeKubecost(answer("shop")) as kubecost,
        RemoteWriteReceiver() as receiver,
        Agent("--config", config(kubecost.url, push_to(receiver.endpoint))) as agent,
    ):
        wait_until(lambda: value(receiver, success) == 1)
        kubecost.answer({"code": 500, "data": None, "message": "query failed"})
        wait_until(lambda: value(receiver, success) == 0)
        seen = len(points(receiver, total))
        wait_until(lambda: len(points(receiver, total)) > seen + 2)
        assert value(receiver, total) == pytest.approx(0.15)
        assert agent.stop() == 0
        assert "Kubecost API returned 500: query failed" in agent.log
        assert receiver.violations == []


def test_costs_that_became_too_old_end_at_a_mark():
    """After max_staleness the last answer is no longer repeated: each series gets one marker, on
    the grid, and an instant query finds nothing."""
    clock = FakeClock(NOW)
    with FakeKubecost(answer("shop")) as kubecost, RemoteWriteReceiver(clock=clock) as receiver:
        pipeline = Pipeline(
            KubecostReceiver(
                endpoint=kubecost.url,
                tenant_id="t",
                cluster_name="c",
                max_staleness="2m",
                clock=clock,
            ),
            [],
            [PrometheusRemoteWriteExporter(endpoint=receiver.endpoint, clock=clock)],
            clock=clock,
        )
        pipeline.run_once()
        kubecost.script([500] * 10)
        for _ in range(4):
            clock.advance(60)
            pipeline.run_once()
        pipeline.shutdown()
        total = points(receiver, "cloudtuner_kubecost_namespace_total_cost")
        assert [at % 60_000 for at, _ in total] == [0, 0, 0, 0]
        assert [is_stale(value) for _, value in total] == [False, False, False, True]
        assert value(receiver, "cloudtuner_kubecost_namespace_total_cost") is None
        assert value(receiver, "cloudtuner_kubecost_exporter_scrape_success") == 0
        assert receiver.violations == []


def points(receiver, name):
    found = [stored for labels, stored in receiver.series.items() if ("__name__", name) in labels]
    return found[0] if found else []


def value(receiver, name):
    latest = [got for labels, got in receiver.latest().items() if ("__name__", name) in labels]
    return latest[0] if latest else None


def test_an_outage_of_the_receiver_shorter_than_the_queue_loses_nothing(config):
    """Marks of an outage arrive afterwards, in their order, none twice and none missing."""
    total = "cloudtuner_kubecost_cluster_total_cost"
    with FakeKubecost(answer("shop")) as kubecost, RemoteWriteReceiver() as receiver:
        receiver.script([503] * 8)
        exporter = push_to(receiver.endpoint, ", queue_config: {max_backoff: 200ms}")
        with Agent("--config", config(kubecost.url, exporter)) as agent:
            wait_until(lambda: len(points(receiver, total)) >= 4)
            assert agent.stop() == 0, agent.log
        times = [at for at, _ in points(receiver, total)]
        refused = sent(receiver.requests[0])[0].points[0][0]
        assert times == [refused + 1000 * step for step in range(len(times))]
        assert receiver.violations == []


def test_sigterm_sends_what_is_queued_before_it_ends(config):
    """Case 57: what waits for a busy receiver leaves before the process, which exits with 0."""
    total = "cloudtuner_kubecost_cluster_total_cost"
    with FakeKubecost(answer("shop")) as kubecost, RemoteWriteReceiver() as receiver:
        receiver.script([(503, {"Retry-After": "3"})])
        with Agent("--config", config(kubecost.url, push_to(receiver.endpoint))) as agent:
            assert receiver.wait_for(1)
            assert agent.stop() == 0, agent.log
        assert len(points(receiver, total)) >= 1
        assert receiver.violations == []


def test_sighup_reads_the_file_again_and_a_broken_one_changes_nothing(config):
    """Case 65: a mistake is logged with its place and the old pipeline goes on; a mended file is
    used."""
    with FakeKubecost(answer("shop")) as kubecost, RemoteWriteReceiver() as receiver:
        path = config(kubecost.url, push_to(receiver.endpoint))
        good = path.read_text()
        with Agent("--config", path) as agent:
            wait_until(lambda: labels_of(receiver) == {"t"})
            path.write_text(good.replace("cluster_name: c", "cluster: c"))
            agent.signal(signal.SIGHUP)
            seen = receiver.request_count
            wait_until(lambda: receiver.request_count > seen + 4)
            assert labels_of(receiver) == {"t"}
            path.write_text(good.replace("tenant_id: t", "tenant_id: other"))
            agent.signal(signal.SIGHUP)
            wait_until(lambda: "other" in labels_of(receiver))
            assert agent.stop() == 0
        assert "receivers.kubecost.cluster: " in agent.log
        assert "The new configuration is in use" in agent.log
        assert receiver.violations == []


def labels_of(receiver):
    return {dict(labels)["tenant_id"] for labels in receiver.series}


def test_a_port_in_use_is_a_reason_to_try_again_later(config):
    """Case 67: exit code 75, and a line that names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = config("http://127.0.0.1:1", [f'prometheus: {{endpoint: "127.0.0.1:{port}"}}'])
        finished = run_command("run", "--config", path)
    assert finished.returncode == 75, finished.stderr
    assert str(port) in finished.stderr


def test_a_disabled_sdk_runs_nothing(config):
    """OTEL_SDK_DISABLED=true: the command says so and ends."""
    path = config("http://127.0.0.1:1", push_to("http://127.0.0.1:1/write"))
    finished = run_command("run", "--config", path, env={"OTEL_SDK_DISABLED": "true"})
    assert finished.returncode == 0
    assert "OTEL_SDK_DISABLED" in finished.stderr
