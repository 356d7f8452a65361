"""The parts of the benchmark; each gives its findings. The goals stand here, with their parts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median
from typing import TypeAlias

from benchmarks.arrival import compare
from benchmarks.bench import Bench, Case
from benchmarks.findings import Finding, Goal
from benchmarks.processes import fetch
from benchmarks.product import Form, Settings, product

Part: TypeAlias = Callable[[Bench, Sequence[int]], Iterator[Finding]]

_FORMS: tuple[Form, ...] = ("wide", "guide")
_CHAIN_GOALS: Mapping[tuple[Form, int], tuple[int, int]] = {
    ("wide", 10_000): (30, 20),
    ("wide", 50_000): (45, 90),
    ("guide", 10_000): (12, 15),
}
"""How many times less CPU and memory than the chain."""
_CHAIN_MOST_PODS = 50_000
"""The chain takes 6 GB there."""
_LEAK_PODS, _LEAK_CYCLES = 2_000, 500
_ENCODING_ROUNDS = 9
_STARTS = 5
_OF_PODS = 10_000
"""Bytes of a request that can only have pods."""


def chain(bench: Bench, sizes: Sequence[int]) -> Iterator[Finding]:
    """Against the guide's chain; and whether the same samples arrived."""
    for size in (size for size in sizes if size <= _CHAIN_MOST_PODS):
        for form in _FORMS:
            yield from _against_chain(bench, size, form)


def _against_chain(bench: Bench, size: int, form: Form) -> Iterator[Finding]:
    cases = Case("product", size, form), Case("chain", size, form)
    ours, peer = bench.steady(*cases, compare=True)
    cpu, memory = _CHAIN_GOALS.get((form, size), (None, None))
    what = f"{size:,} pods, {form}"
    yield Finding(f"{what}: CPU a cycle", "s", ours.cycle, peer.cycle, Goal("times less", cpu))
    yield Finding(f"{what}: peak memory", "MiB", ours.peak, peer.peak, Goal("times less", memory))
    found = compare(*map(bench.arrived.pop, cases))
    yield Finding(
        f"{what}: series missing or different, beside {found.same:,} that arrived alike"
        f" (and {found.extra:,} that the chain still sends of pods that are gone)",
        "",
        found.missing + found.different,
        None,
        Goal("at most", 0),
    )


def exporter(bench: Bench, sizes: Sequence[int]) -> Iterator[Finding]:
    """Against OpenTelemetry's remote write exporter as it is shipped."""
    with bench.source(sizes[0]) as source:
        found = json.loads(bench.output("benchmarks.encoding", source, _ENCODING_ROUNDS))
    ours, theirs = (median(found[side]) * 1e9 for side in ("ours", "theirs"))
    what = f"{sizes[0]:,} pods, wide: CPU a sample, from a batch to compressed requests"
    yield Finding(what, "ns", ours, theirs, Goal("times less", 75))


def floor(bench: Bench, sizes: Sequence[int]) -> Iterator[Finding]:
    """Against receiving and decoding alone."""
    for size in sizes:
        ours, lowest = bench.steady(Case("product", size, "guide"), Case("floor", size, "guide"))
        what = f"{size:,} pods, guide: CPU a cycle, and of receiving and decoding"
        yield Finding(what, "s", ours.cycle, lowest.cycle, Goal("times", 2))


def growth(bench: Bench, sizes: Sequence[int]) -> Iterator[Finding]:
    """CPU a pod at the smallest and at the largest size, and the memory there."""
    small, large = min(sizes), max(sizes)
    for form in _FORMS:
        least, most = bench.steady(Case("product", small, form), Case("product", large, form))
        what = f"{form}: CPU a pod of {large:,} pods, and of {small:,}"
        per_pod = most.cycle / large * 1e6, least.cycle / small * 1e6
        yield Finding(what, "µs", *per_pod, Goal("times", 1.15))
        what = f"{large:,} pods, {form}: peak memory with the spool"
        yield Finding(what, "MiB", most.peak, None, Goal("at most", 96))


def leak(bench: Bench, _: Sequence[int]) -> Iterator[Finding]:
    """Memory over many cycles in which pods come and go."""
    settings = Settings("wide", interval=1)
    with (
        bench.stand_ins(_LEAK_PODS) as (source, receiver),
        product(settings, source, receiver, bench.room() / "sender") as (sender,),
    ):
        resident = []
        for _cycle in range(_LEAK_CYCLES):
            time.sleep(settings.interval)
            resident.append(sender.resident())
            fetch(f"{receiver}/taken")
    # The caches of names fill at first.
    early, late = (median(part) for part in (resident[50:100], resident[-50:]))
    what = f"{_LEAK_PODS:,} pods, wide: memory after {_LEAK_CYCLES} cycles, and after 75"
    yield Finding(what, "MiB", late, early, Goal("more", 1))


def idle(bench: Bench, sizes: Sequence[int]) -> Iterator[Finding]:
    """Marks at which the last answer is sent once more."""
    for form in _FORMS:
        whole, again = bench.steady(
            Case("product", sizes[0], form), Case("product", sizes[0], form, idle=True)
        )
        what = f"{sizes[0]:,} pods, {form}: CPU of a mark without a query, and of a cycle"
        yield Finding(what, "s", again.cycle, whole.cycle, Goal("times", 0.2))


def start(bench: Bench, sizes: Sequence[int]) -> Iterator[Finding]:
    """From the start of the process until the first request with pods has arrived."""
    costs = []
    for _ in range(_STARTS):
        room = bench.room() / "sender"
        with (
            bench.stand_ins(sizes[0]) as (source, receiver),
            product(Settings("guide", 60), source, receiver, room) as (sender,),
        ):
            fetch(f"{receiver}/wait?bytes={_OF_PODS}")
            costs.append(sender.cpu())
    what = f"{sizes[0]:,} pods, guide: CPU from start to the first sample sent"
    yield Finding(what, "s", median(costs), None, Goal("at most", 1.5))


def imports(bench: Bench, _: Sequence[int]) -> Iterator[Finding]:
    """What an import costs a library user: the package, and what its examples use."""
    used = "Pipeline,KubecostReceiver,CardinalityLimit,PrometheusRemoteWriteExporter"
    for wanted, words in (
        ("otel_kubecost", "import otel_kubecost"),
        (f"otel_kubecost:{used}", "from otel_kubecost import what a pipeline needs"),
    ):
        costs = [float(bench.output("benchmarks.importing", wanted)) for _ in range(_STARTS)]
        yield Finding(f"{words}: CPU", "s", median(costs), None, Goal("at most", 0.4))


def spool(bench: Bench, sizes: Sequence[int]) -> Iterator[Finding]:
    """What it costs that nothing is lost with the process."""
    for form in _FORMS:
        kept = Case("product", sizes[0], form)
        ours, without = bench.steady(kept, kept._replace(spool=False))
        what = f"{sizes[0]:,} pods, {form}: CPU a cycle with the spool, and without"
        yield Finding(what, "s", ours.cycle, without.cycle, Goal("times", 1.15))


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
}
