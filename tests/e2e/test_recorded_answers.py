"""Recorded answers through the command into a real Prometheus, both ways, and back by query."""

import time
import urllib.request
from typing import NamedTuple

import pytest
from expectations import CASES, RECORDED, assert_samples, expected
from peers import JOB, Agent, Prometheus, free_port, lint, wait_until

from otel_kubecost.testing import FakeKubecost, Flavour

pytestmark = pytest.mark.peers

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


@pytest.fixture(scope="module")
def page_port():
    """Of the page of each case in turn: a Prometheus has to know its targets from the start."""
    return free_port()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory, page_port):
    """One for all cases, which their tenants keep apart."""
    target = f"127.0.0.1:{page_port}"
    with Prometheus(tmp_path_factory.mktemp("prometheus"), scrape=(target,)) as server:
        yield server


class Run(NamedTuple):
    """What a run of the command on one recorded answer left in Prometheus, and its page."""

    case: str
    began: float
    pushed: list
    """Series with all their samples."""
    scraped: list
    """Series with their last sample."""
    page: bytes


@pytest.fixture(scope="module", params=CASES)
def run(request, tmp_path_factory, prometheus, page_port):
    """The command between a server with a recorded answer and a Prometheus, which also scrapes it,
    until both ways have brought everything."""
    case, began = request.param, time.time()
    flavour = Flavour.KUBECOST if "kubecost" in case else Flavour.OPENCOST
    answer = (RECORDED / case / "allocation.json").read_bytes()
    config = tmp_path_factory.mktemp("config") / "pipeline.yaml"
    pushed = f'{{tenant_id="tenant-{case[:2]}",job=""}}'
    scraped = f'{{tenant_id="tenant-{case[:2]}",job="{JOB}"}}'
    with FakeKubecost(answer, flavour=flavour) as kubecost:
        config.write_text(
            PIPELINE.format(
                kubecost=kubecost.url,
                tenant=f"tenant-{case[:2]}",
                levels="cluster, namespace, pod" if "_pod_" in case else "cluster, namespace",
                write_url=prometheus.write_url,
                port=page_port,
            )
        )
        with Agent("--config", config) as agent:
            wait_until(lambda: len(marks(prometheus.query(f"{pushed}[1m]"))) >= 4)
            wait_until(lambda: len(prometheus.query(scraped)) >= len(expected(case)))
            found = prometheus.query(scraped)
            with urllib.request.urlopen(f"http://127.0.0.1:{page_port}/metrics", timeout=5) as page:
                shown = page.read()
            assert agent.stop() == 0, agent.log
    return Run(case, began, prometheus.query(f"{pushed}[1m]"), found, shown)


def test_pushed_samples_are_those_worked_out_by_hand(run):
    """Every metric, label set and value, at every mark of the grid from first to last."""
    times = marks(run.pushed)
    assert times == [times[0] + step for step in range(len(times))]
    assert run.began - 1 <= times[0] <= times[-1] <= time.time()
    for one in run.pushed:
        assert [at for at, _ in one["values"]] == times, one["metric"]
    for at in times:
        assert_samples(samples_at(run.pushed, at), expected(run.case))


def test_scraped_samples_are_the_same(run):
    """The same series by /metrics, with the labels job and instance that a scrape adds."""
    found = {
        frozenset((key, text) for key, text in one["metric"].items() if own_label(one, key)): float(
            one["value"][1]
        )
        for one in run.scraped
    }
    assert_samples(found, expected(run.case))


def test_promtool_finds_no_fault_with_the_page(run):
    """What was scraped has nothing that promtool would object to."""
    assert run.page
    assert lint(run.page) == (0, b"", b"")


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
