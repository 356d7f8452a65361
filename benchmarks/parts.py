"""The parts of the benchmark; each gives its findings. The goals stand here, with their parts."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import linear_regression, median
from typing import NamedTuple, TypeAlias

from benchmarks import importing
from benchmarks.arrival import compare
from benchmarks.bench import Bench, Case, output
from benchmarks.findings import Finding, Goal
from benchmarks.processes import Process, python
from benchmarks.product import Form, Settings, product, written
from benchmarks.scraping.findings import findings, scenarios
from benchmarks.steady import taken, wait_for_request


class Sizes(NamedTuple):
    """Numbers of pods, and of what is scraped."""

    compared: Sequence[int]
    """With others; what needs one size is done with the smallest."""
    largest: int
    """Of ours alone."""
    series: int
    """Of a large page."""
    programs: int
    """With small pages."""

    @property
    def smallest(self) -> int:
        return self.compared[0]


Part: TypeAlias = Callable[[Bench, Sizes], Iterator[Finding]]

_FORMS: tuple[Form, ...] = ("wide", "guide")
_CHAIN_GOALS: Mapping[tuple[Form, int], tuple[int, int]] = {
    ("wide", 10_000): (30, 20),
    ("wide", 50_000): (45, 90),
    ("guide", 10_000): (12, 15),
}
"""How many times less CPU and memory than the chain."""
_LEAK_PODS, _LEAK_CYCLES, _LEAK_CHURN = 1_000, 1_000, 0.05
_LEAK_SPEED = 5
"""Cycles a second; the shortest interval that can be configured is a second."""
_LEAK_SETTLED = 500
"""The cycles after which all caches are full, those of the allocator too: what counts are the 500
after them. In a run of 1,600 memory rose by 1.3 MiB until the 600th, and fell from there."""
_ENCODING_ROUNDS = 7
_STARTS = 5
_OF_COSTS = 10_000
"""Bytes of a request that has costs; the agent's own metrics are fewer."""


def chain(bench: Bench, sizes: Sizes) -> Iterator[Finding]:
    """Against the guide's chain; and whether the same samples arrived."""
    for size in sizes.compared:
        yield from _against_chain(bench, size, "wide")
    yield from _against_chain(bench, sizes.smallest, "guide")


def _against_chain(bench: Bench, size: int, form: Form) -> Iterator[Finding]:
    cases = Case("product", size, form), Case("chain", size, form)
    ours, peer = bench.steady(*cases, compare=True)
    cpu, memory = _CHAIN_GOALS.get((form, size), (None, None))
    what = f"{size:,} pods, {form}"
    yield Finding(f"{what}: CPU a cycle", "s", ours.cycle, peer.cycle, Goal("times less", cpu))
    yield Finding(f"{what}: peak memory", "MiB", ours.peak, peer.peak, Goal("times less", memory))
    arrived, of_chain = map(bench.arrived.pop, cases)
    found = compare(arrived, of_chain, size)
    yield Finding(
        f"{what}: series that one side lacks or has with another value, beside {found.same:,} that"
        f" arrived alike (and {found.gone:,} of pods that are gone, from the chain alone)",
        "",
        found.missing + found.different,
        None,
        Goal("at most", 0),
    )


def exporter(bench: Bench, sizes: Sizes) -> Iterator[Finding]:
    """Against OpenTelemetry's remote write exporter as it is shipped."""
    with bench.source(sizes.smallest) as source:
        found = json.loads(output(python("encoding", source, _ENCODING_ROUNDS)))
    ours, theirs = (median(found[side]) * 1e9 for side in ("ours", "theirs"))
    what = f"{sizes.smallest:,} pods, wide: CPU a sample, from a batch to compressed requests"
    yield Finding(what, "ns", ours, theirs, Goal("times less", 75))


def floor(bench: Bench, sizes: Sizes) -> Iterator[Finding]:
    """Against receiving and decoding alone."""
    size = sizes.smallest
    ours, at_once, in_windows = bench.steady(
        Case("product", size, "guide"),
        Case("floor at once", size, "guide"),
        Case("floor in windows", size, "guide"),
    )
    what = f"{size:,} pods, guide: CPU a cycle, and of receiving and decoding"
    yield Finding(f"{what} at once", "s", ours.cycle, at_once.cycle, Goal("times", 2))
    yield Finding(f"{what} in windows", "s", ours.cycle, in_windows.cycle, Goal("times", 2))


def growth(bench: Bench, sizes: Sizes) -> Iterator[Finding]:
    """CPU a pod at the smallest and at the largest size, and the memory there."""
    small, large = sizes.smallest, sizes.largest
    for form in _FORMS:
        least, most = bench.steady(Case("product", small, form), Case("product", large, form))
        what = f"{form}: CPU a pod of {large:,} pods, and of {small:,}"
        per_pod = most.cycle / large * 1e6, least.cycle / small * 1e6
        yield Finding(what, "µs", *per_pod, Goal("times", 1.15))
        what = f"{large:,} pods, {form}: peak memory with the spool, the highest"
        yield Finding(what, "MiB", most.highest, None, Goal("at most", 96))


def leak(bench: Bench, _: Sizes) -> Iterator[Finding]:
    """Memory over many cycles in which pods come and go."""
    room = bench.room() / "sender"
    with bench.stand_ins(_LEAK_PODS, _LEAK_CHURN) as (source, receiver):
        file = written(Settings("wide", interval=1), source, receiver, room)
        command = python("hurried", file, _LEAK_SPEED, _LEAK_CYCLES)
        with Process(command, room / "product.log") as sender:
            resident, cycles = _watched(sender, receiver)
    settled = resident[_LEAK_SETTLED:]
    early, late = (median(part) for part in (settled[:50], settled[-50:]))
    what = f"{_LEAK_PODS:,} pods, {_LEAK_CHURN:.0%} of them new in each cycle, wide: memory"
    after = f"after {cycles:,.0f} cycles, and after {_LEAK_SETTLED}"
    yield Finding(f"{what} {after}", "MiB", late, early, Goal("more", 1))
    slope = linear_regression(range(len(settled)), settled).slope * 1024
    yield Finding(f"{what} that each cycle adds", "KiB", slope, None, Goal("at most", 2))


def _watched(sender: Process, receiver: str) -> tuple[list[float], float]:
    """MiB after each cycle, and how many cycles they were by what arrived."""
    resident, samples = [], 0
    begin = time.monotonic()
    for cycle in range(_LEAK_CYCLES):
        time.sleep(max(0.0, begin + (cycle + 1) / _LEAK_SPEED - time.monotonic()))
        resident.append(sender.resident())
        if cycle % _LEAK_SPEED == 0:
            samples += taken(receiver)["samples"]
    each = 12 * _LEAK_PODS * (1 + _LEAK_CHURN)  # the new ones' series begin, the old ones' end
    return resident, samples / each


def idle(bench: Bench, sizes: Sizes) -> Iterator[Finding]:
    """Marks at which the last answer is sent once more."""
    for form in _FORMS:
        whole = Case("product", sizes.smallest, form)
        ours, again = bench.steady(whole, whole._replace(idle=True))
        what = f"{sizes.smallest:,} pods, {form}: CPU of a mark without a query, and of a cycle"
        yield Finding(what, "s", again.cycle, ours.cycle, Goal("times", 0.2))


def start(bench: Bench, sizes: Sizes) -> Iterator[Finding]:
    """From the start of the process until the first request with costs has arrived."""
    costs = []
    for _ in range(_STARTS):
        room = bench.room() / "sender"
        with (
            bench.stand_ins(sizes.smallest) as (source, receiver),
            product(Settings("guide", 60), source, receiver, room) as senders,
        ):
            wait_for_request(senders, receiver, _OF_COSTS)
            costs.append(senders[0].cpu())
    what = f"{sizes.smallest:,} pods, guide: CPU from start to the first sample sent"
    yield Finding(what, "s", median(costs), None, Goal("at most", 1.5))


def imports(_: Bench, __: Sizes) -> Iterator[Finding]:
    """What an import costs a library user: the package, and what its examples use."""
    used = "Pipeline,KubecostReceiver,CardinalityLimit,PrometheusRemoteWriteExporter"
    for wanted, words in (
        ("otel_kubecost", "import otel_kubecost"),
        (f"otel_kubecost:{used}", "from otel_kubecost import what a pipeline needs"),
    ):
        command = [sys.executable, "-P", str(Path(importing.__file__)), wanted]
        costs = [float(output(command)) for _ in range(_STARTS)]
        yield Finding(f"{words}: CPU", "s", median(costs), None, Goal("at most", 0.4))


def spool(bench: Bench, sizes: Sizes) -> Iterator[Finding]:
    """What it costs that nothing is lost with the process."""
    for form in _FORMS:
        kept = Case("product", sizes.smallest, form)
        ours, without = bench.steady(kept, kept._replace(spool=False))
        what = f"{sizes.smallest:,} pods, {form}: CPU a cycle with the spool, and without"
        yield Finding(what, "s", ours.cycle, without.cycle, Goal("times", 1.15))


def scraping(bench: Bench, sizes: Sizes) -> Iterator[Finding]:
    """Against Prometheus, which scrapes the same targets."""
    for scenario, others in scenarios(sizes.series, sizes.programs):
        yield from findings(bench, scenario, others)


PARTS: Mapping[str, Part] = {
    "chain": chain,
    "exporter": exporter,
    "floor": floor,
    "growth": growth,
    "leak": leak,
    "idle": idle,
    "start": start,
    "imports": imports,
    "spool": spool,
    "scraping": scraping,
}
