"""What is scraped: the scenarios, and a figure of each for every scraper."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from benchmarks.bench import Bench, say
from benchmarks.processes import Process, fetch, free_port, serving, wait_until_open
from benchmarks.scraping.scrapers import Job, Scraper, scraper
from benchmarks.scraping.targets import host
from benchmarks.scraping.written import Courses, courses
from benchmarks.steady import Steady, measure, wait_for_request

_WARM = 1
_TRIES = 3
_KEPT = 100
"""Groups of requests that the receiver keeps: all."""
_SETTLED = 3.0
"""Seconds in which ours has sent a scrape; Prometheus sends what waits when it is ended."""
_OF_A_PAGE = 5_000
"""Bytes of a request that has a page; the agent's own metrics are fewer."""


class Scenario(NamedTuple):
    """Targets, all asked every ``interval`` seconds: one page, or programs, or a node exporter."""

    name: str
    interval: int
    size: int = 0
    """Series of one page."""
    churn: float = 0.0
    programs: int = 0

    @property
    def job(self) -> str:
        if self.size:
            return "cluster"
        return "programs" if self.programs else "node"

    @property
    def is_known(self) -> bool:
        """Whether the pages say the same to everybody."""
        return self.job != "node"


class Targets(NamedTuple):
    job: Job
    url: str | None
    """Where ours are, which say how often they were asked for."""


class Scraped(NamedTuple):
    steady: Steady
    courses: Courses


def run(bench: Bench, scenario: Scenario, name: Scraper) -> Scraped:
    """One run, from nothing; twice as slow where ours did not end a cycle within the interval."""
    for doubled in range(_TRIES):
        slower = scenario._replace(interval=scenario.interval * 2**doubled)
        say(f"{scenario.name}, {name}, every {slower.interval} s")
        found = _run_once(bench, slower, name)
        steady = found.steady
        if steady.is_even or name != "otel-kubecost":  # Prometheus sends when it likes
            say(f"    {steady.cycle:.3f} CPU s a cycle, {steady.peak:.1f} MiB")
            return found
        say(f"    uneven cycles: {steady.samples} samples")
    raise RuntimeError(f"{scenario.name}: {slower.interval} s are too short for a cycle")


def _run_once(bench: Bench, scenario: Scenario, name: Scraper) -> Scraped:
    room, interval = bench.room(), scenario.interval
    cycles = bench.rounds * bench.cycles
    generations = _WARM + cycles + 2
    with (
        serving("receiver", _KEPT, log=room / "receiver.log") as receiver,
        _targets(bench, scenario, generations) as targets,
    ):
        with scraper(name, targets.job, receiver, room / "scraper") as senders:
            begun = _begun(targets, senders, receiver)
            steady = measure(senders, receiver, interval, warm=_WARM, cycles=cycles, begin=begun)
            if targets.url:
                until = _wait_for_scrapes(targets.url, generations, senders)["until"]
                time.sleep(max(0.0, until - time.time()))  # ours sends nothing of the future
            time.sleep(_SETTLED)
            fetch(f"{receiver}/taken")
        fetch(f"{receiver}/taken")
        return Scraped(steady, courses(fetch(f"{receiver}/bodies"), scenario.job))


def _begun(targets: Targets, senders: list[Process], receiver: str) -> float:
    """When a scrape began."""
    if targets.url is None:
        wait_for_request(senders, receiver, _OF_A_PAGE)
        return 0.0
    return float(_wait_for_scrapes(targets.url, 1, senders)["last"])


def _wait_for_scrapes(url: str, count: int, senders: list[Process]) -> dict[str, Any]:
    """Of every target."""
    while True:
        said: dict[str, Any] = json.loads(fetch(f"{url}/scraped"))
        if said["least"] >= count:
            return said
        for sender in senders:
            sender.check()
        time.sleep(0.1)


@contextmanager
def _targets(bench: Bench, scenario: Scenario, generations: int) -> Iterator[Targets]:
    log = bench.room() / "targets.log"
    if not scenario.is_known:
        with _node_exporter(scenario, log) as targets:
            yield targets
        return
    size, churn, programs = scenario.size, scenario.churn, scenario.programs
    arguments = size, churn, programs, scenario.interval, generations
    with serving("scraping.targets", *arguments, log=log) as url:
        port = url.rpartition(":")[2]
        ours = [
            _static(f"{host(number)}:{port}", f"program-{number}", f"/program/{number}")
            for number in range(programs)
        ]
        ours += [_static(f"127.0.0.1:{port}", "cluster", "/cluster")] if size else []
        yield Targets(_job(scenario, ours), url)


@contextmanager
def _node_exporter(scenario: Scenario, log: Any) -> Iterator[Targets]:
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus-node-exporter", f"--web.listen-address={address}"]
    with Process(command, log) as process:
        wait_until_open(f"http://{address}", process)
        yield Targets(_job(scenario, [_static(address, "node", "/metrics")]), None)


def _job(scenario: Scenario, targets: list[dict[str, Any]]) -> Job:
    return {
        "job_name": scenario.job,
        "scrape_interval": f"{scenario.interval}s",
        "scrape_timeout": f"{scenario.interval}s",
        "static_configs": targets,
    }


def _static(address: str, instance: str, path: str) -> dict[str, Any]:
    """With the same labels whatever the port is."""
    return {
        "targets": [address],
        "labels": {"instance": instance, "__metrics_path__": path},
    }
