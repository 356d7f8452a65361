"""Recorded answers through the command into a real Prometheus, both ways, and back by query."""

import subprocess
import time
import urllib.request

import pytest
from expectations import CASES, RECORDED, assert_samples, expected
from peers import Agent, Prometheus, free_port, wait_until

from otel_kubecost.testing import FakeKubecost, Flavour

PIPELINE = """
receivers:
  kubecost:
    endpoint: {kubecost}
    tenant_id: {tenant}
    cluster_name: prod
    collection_interval: 1s
    emit_interval: 1s
    levels: [{levels}]
exporters:
  prometheus_remote_write: {{endpoint: "{write_url}"}}
  prometheus: {{endpoint: "127.0.0.1:{port}"}}
service:
  pipelines:
    metrics:
      receivers: [kubecost]
      exporters: [prometheus_remote_write, prometheus]
"""


@pytest.fixture
def chain(request, tmp_path):
    """The command between a server with a recorded answer and a Prometheus; also scraped by it."""
    case = request.param
    flavour = Flavour.KUBECOST if "kubecost" in case else Flavour.OPENCOST
    levels = "cluster, namespace, pod" if "_pod_" in case else "cluster, namespace"
    port = free_port()
    answer = (RECORDED / case / "allocation.json").read_bytes()
    with (
        Prometheus(tmp_path, scrape=(f"127.0.0.1:{port}",)) as prometheus,
        FakeKubecost(answer, flavour=flavour) as kubecost,
    ):
        config = tmp_path / "pipeline.yaml"
        config.write_text(
            PIPELINE.format(
                kubecost=kubecost.url,
                tenant=f"tenant-{case[:2]}",
                levels=levels,
                write_url=prometheus.write_url,
                port=port,
            )
        )
        yield case, prometheus, config, port


@pytest.mark.parametrize("chain", CASES, indirect=True)
def test_pushed_samples_are_those_worked_out_by_hand(chain):
    """Every metric, label set and value, at every mark of the grid from first to last."""
    case, prometheus, config, _ = chain
    pushed = f'{{tenant_id="tenant-{case[:2]}",job=""}}'
    began = time.time()
    with Agent("--config", config) as agent:
        wait_until(lambda: len(marks(prometheus.query(f"{pushed}[1m]"))) >= 4)
        assert agent.stop() == 0, agent.log
    series = prometheus.query(f"{pushed}[1m]")
    times = marks(series)
    assert times == [times[0] + step for step in range(len(times))]
    assert began - 1 <= times[0] <= times[-1] <= time.time()
    for one in series:
        assert [at for at, _ in one["values"]] == times, one["metric"]
    for at in times:
        assert_samples(samples_at(series, at), expected(case))


@pytest.mark.parametrize("chain", CASES, indirect=True)
def test_scraped_samples_are_the_same(chain):
    """The same series by /metrics, with the labels job and instance that a scrape adds; the page
    has nothing that promtool would object to."""
    case, prometheus, config, port = chain
    scraped = f'{{tenant_id="tenant-{case[:2]}",job="otel-kubecost"}}'
    complete = len(expected(case))
    with Agent("--config", config) as agent:
        series = wait_until(lambda: len(found := prometheus.query(scraped)) >= complete and found)
        assert prometheus.query('up{job="otel-kubecost"}')[0]["value"][1] == "1"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            lint = subprocess.run(
                ["promtool", "check", "metrics"],
                input=page.read(),
                capture_output=True,
                check=False,
            )
        assert (lint.returncode, lint.stdout, lint.stderr) == (0, b"", b"")
        assert agent.stop() == 0, agent.log
    found = {
        frozenset((key, text) for key, text in one["metric"].items() if own_label(one, key)): float(
            one["value"][1]
        )
        for one in series
    }
    assert_samples(found, expected(case))


def own_label(series, key):
    agents = series["metric"]["__name__"].startswith("cloudtuner_kubecost_exporter_")
    return key != "job" and (key != "instance" or agents)


def marks(series):
    return sorted({at for one in series for at, _ in one["values"]})


def samples_at(series, at):
    return {
        frozenset(one["metric"].items()): float(dict(map(tuple, one["values"]))[at])
        for one in series
    }
