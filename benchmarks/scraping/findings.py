"""The part ``scraping`` of the benchmark: what a scrape costs, beside Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.bench import Bench
from benchmarks.findings import Finding, Goal
from benchmarks.scraping.scenarios import Scenario, Scraped, run
from benchmarks.scraping.scrapers import Scraper
from benchmarks.scraping.written import compare

_OURS: Scraper = "otel-kubecost"
_SECONDS = 5
"""An interval with room for the cycle."""
_SECONDS_OF_A_NODE = 3


def scenarios(size: int, programs: int) -> Iterator[tuple[Scenario, Sequence[Scraper]]]:
    """``size`` series of one large page, ``programs`` small targets; and beside whom."""
    page = f"one page of {size:,} series"
    prometheus: tuple[Scraper, ...] = ("Prometheus",)
    yield Scenario("a node exporter", _SECONDS_OF_A_NODE), prometheus
    same = Scenario(f"{page}, always the same ones", _SECONDS, size)
    yield same, (*prometheus, "Prometheus as an agent")
    yield Scenario(f"{page}, 1% of the pods new", _SECONDS, size, churn=0.01), prometheus
    yield Scenario(f"{programs} pages of 100 series", _SECONDS, programs=programs), prometheus


def findings(bench: Bench, scenario: Scenario, others: Sequence[Scraper]) -> Iterator[Finding]:
    """Ours beside each of the others; and whether the same came of both."""
    ours = _run(bench, scenario, _OURS)
    for name in others:
        other = _run(bench, scenario, name)
        what = scenario.name if name == "Prometheus" else f"{scenario.name}, {name}"
        cpu, memory = (ours.steady.cycle, other.steady.cycle), (ours.steady.peak, other.steady.peak)
        yield Finding(f"{what}: CPU a cycle", "s", *cpu, Goal("times less", None))
        yield Finding(f"{what}: peak memory", "MiB", *memory, Goal("times less", None))
        yield _arrived(scenario, what, ours, other)


def _run(bench: Bench, scenario: Scenario, name: Scraper) -> Scraped:
    found = run(bench, scenario, name)
    bench.scraped[f"{name}, {scenario.name}"] = found.steady
    return found


def _arrived(scenario: Scenario, what: str, ours: Scraped, other: Scraped) -> Finding:
    """A node exporter says something else each time: what both have is alike then."""
    found = compare(ours.courses, other.courses)
    alike, wrong = found.alike, found.lacking + found.different
    how = "lacks or has with other values"
    if not scenario.is_known:
        alike, wrong, how = found.alike + found.different, found.lacking, "lacks"
    what = f"{what}: series that one side {how}, beside {alike:,} that arrived alike"
    return Finding(what, "", wrong, None, Goal("at most", 0))
