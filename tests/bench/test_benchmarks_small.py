"""The benchmark at a size that takes seconds: that it runs, and would notice what differs."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from http.client import HTTPConnection
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest

from otel_kubecost.testing import HttpServer, Reply

ROOT = Path(__file__).parents[2]
SIZE = 200


@pytest.fixture
def module(monkeypatch):
    """One of the benchmark's by its name; they come behind everything that is installed."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
    return lambda name: import_module(f"benchmarks.{name}")


def run(*arguments):
    """What the command says on its standard error, and the rows of the table that it prints."""
    tiny = ("--sizes", str(SIZE), "--largest", str(2 * SIZE), "--rounds", "1", "--cycles", "1")
    command = [sys.executable, "-m", "benchmarks", *tiny, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines()]
    return done.stderr, [row for row in rows if len(row) > 2]


@pytest.mark.peers
@pytest.mark.timeout(300)
def test_the_command_writes_what_it_has_measured(tmp_path):
    """Every part has its rows, every steady state its line, and the picture is drawn; each cycle of
    every sender brought all series of all pods."""
    _, rows = run("--only", "floor,spool", "--output", tmp_path)
    assert [row[0] for row in rows[2:]] == ["floor", "floor", "spool", "spool"]
    report = (tmp_path / "RESULTS.md").read_text()
    assert "## How it is measured" in report
    for line in (
        "| floor | ",
        "| floor at once, 200 pods, guide |",
        "| floor in windows, 200 pods",
    ):
        assert line in report
    of_ours = re.findall(
        r"^\| product, .*, (guide|wide).* \| ([\d,]+) to [\d,]+ \|$", report, re.MULTILINE
    )
    least = {"guide": 3 * SIZE, "wide": 12 * SIZE}
    assert len(of_ours) == 4
    for form, samples in of_ours:
        assert int(samples.replace(",", "")) > least[form]
    assert ET.parse(tmp_path / "results.svg").getroot().tag.endswith("svg")


@pytest.mark.peers
@pytest.mark.timeout(300)
@pytest.mark.skipif(not (which("victoria-metrics") and which("prometheus")), reason="needs them")
@pytest.mark.skipif(find_spec("prometheus_client") is None, reason="needs prometheus_client")
def test_the_chain_brings_the_same_samples(tmp_path):
    """Of every pod, node and namespace, with the same values, in either form."""
    _, rows = run("--only", "chain", "--output", tmp_path)
    compared = [row for row in rows if "arrived alike" in row[1]]
    assert [row[1].split(":")[0] for row in compared] == ["200 pods, wide", "200 pods, guide"]
    for (_, what, ours, *_), of_a_pod in zip(compared, (12, 3), strict=True):
        assert ours == "0"
        alike = re.search(r"beside ([\d,]+) that arrived alike", what).group(1)
        assert int(alike.replace(",", "")) == of_a_pod * SIZE + 12 * 10 + 3 * 5


@pytest.mark.peers
@pytest.mark.timeout(300)
@pytest.mark.skipif(not which("prometheus"), reason="needs it")
def test_both_scrapers_bring_the_same_values(module, tmp_path):
    """Of a page that is another each time, some of its pods too; a value that is changed shows."""
    scenarios, compare = module("scraping.scenarios"), module("scraping.written").compare
    scenario = scenarios.Scenario("a page", 3, 1500, churn=0.01)
    bench = module("bench").Bench(tmp_path, 1, 1)
    names = "otel-kubecost", "Prometheus"
    ours, theirs = (dict(scenarios.run(bench, scenario, name).courses) for name in names)
    assert compare(ours, theirs) == (len(ours), 0, 0)
    assert len(ours) > 1500
    ours.popitem()
    ours[next(iter(ours))] += 1
    assert compare(ours, theirs) == (len(ours) - 1, 1, 1)


def test_a_difference_of_what_arrived_is_counted(module):
    """A series that one side lacks, one with another value; pods that are gone are told apart."""
    cluster = module("cluster").Cluster
    here, later = cluster(1, churn=0).pods[0].name, cluster(2, churn=0).pods[1].name
    ours = {f"pod={here}": 1.0, "namespace=a": 2.0, "namespace=b": 3.0, "node=a": 0.1 + 0.2}
    theirs = {f"pod={here}": 1.0, "namespace=a": 2.1, "namespace=c": 3.0, "node=a": 0.3}
    found = module("arrival").compare(ours, theirs | {f"pod={later}": 5.0}, 1)
    assert found == (2, 2, 1, 1)


def test_generations_differ_and_add_up(module):
    """No amount of a pod stays the same, some pods are others, and namespaces have exactly what
    their pods cost."""
    amounts, sum_of = module("cluster").amounts, module("cluster").Amounts
    cluster = module("cluster").Cluster(500, churn=0.004)
    for generation in range(1, 5):
        before = {pod.name for pod in cluster.pods}
        cluster.turn()
        assert len({pod.name for pod in cluster.pods} - before) == 2
        assert amounts(7, generation) != amounts(7, generation - 1)
        sums = {}
        for pod in cluster.pods:
            costs = amounts(pod.number, generation)
            so_far = sums.get(pod.namespace, (0,) * len(costs))
            sums[pod.namespace] = sum_of(*map(sum, zip(so_far, costs, strict=True)))
        assert dict(cluster.namespaces()) == sums


@pytest.mark.parametrize("aggregate", ["cluster,namespace", "cluster,namespace,pod,node"])
def test_the_floor_decodes_the_same_rows_in_both_ways(module, aggregate):
    """Windows have every row of the answer, and each once."""
    floor, source = module("floor"), module("source").Source(1000, 0.004)
    query = {"window": "24h", "aggregate": aggregate}
    body = source.answer(module("small_http").Request("GET", "/model/allocation", query, b"")).body
    decoders = floor._OF_PODS if "pod" in aggregate else floor._OF_NAMESPACES
    with HttpServer(lambda _: Reply(200, body)) as server:
        connection = HTTPConnection(server.url.removeprefix("http://"))
        connection.request("GET", "/")
        windows = map(decoders.rows.decode, floor._windows(connection.getresponse()))
        rows = [row for window in windows for row in window.items()]
        connection.close()
    assert len(rows) == len(dict(rows))
    assert dict(rows) == decoders.whole.decode(body).data[0]
