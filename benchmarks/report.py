"""The findings, written down: a table for the terminal, and ``RESULTS.md`` with its picture."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

from benchmarks.bench import Bench, Case
from benchmarks.findings import Finding
from benchmarks.picture import picture
from benchmarks.steady import Steady

Findings: TypeAlias = Mapping[str, Sequence[Finding]]
"""By part."""

_HEADINGS = ("", "", "otel-kubecost", "beside it", "result", "goal", "")
_METHOD = """\
CPU is user and system time of all processes of the sending side, from the kernel's clocks; memory
is the sum of their peak resident sets (VmHWM). A cycle is one query of all pods and one write of
all series; figures are medians, of the cycles after the first. The source, which is a stand-in of
Kubecost with answers of 2.2 kB a pod, and the receiver, which only keeps what comes, are processes
of their own and do not count. In each cycle 0.4 % of the pods are new, and all costs differ from
those before. Ours is `python -m otel_kubecost run` with a spool, unless it says otherwise; the
chain is an allocation exporter written with prometheus_client, and Debian's Prometheus. The floor
receives the answer and decodes it with msgspec into the fields that are used, and does no more.
*wide* is 12 series a pod, *guide* is 3; in both namespaces have 12 and nodes 3. The two of a
comparison run in turns, one at a time. What arrived is read back through VictoriaMetrics and
compared.
"""


def table(findings: Findings) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield _row(_HEADINGS)
    yield _row(["---"] * len(_HEADINGS))
    for part, found in findings.items():
        for one in found:
            yield _row((part, *one.cells()))


def write(directory: Path, command: str, findings: Findings, bench: Bench) -> None:
    """``RESULTS.md``, and ``results.svg`` where there is something to draw."""
    lines = ["# What a cycle costs", "", *_facts(command), "", *table(findings), ""]
    if bench.measured:
        (directory / "results.svg").write_text(picture(bench.measured))
        lines += ["![CPU and memory against the number of pods](results.svg)", ""]
        lines += ["## Every steady state", "", *_cases(bench.measured), ""]
    lines += ["## How it is measured", "", _METHOD]
    (directory / "RESULTS.md").write_text("\n".join(lines))


def _facts(command: str) -> Iterator[str]:
    now = datetime.now(UTC)
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    yield f"- {now:%Y-%m-%d %H:%M} UTC, `{command}`"
    yield f"- {_processor()}, {os.cpu_count()} cores, {_memory()}; Linux {platform.release()}"
    yield f"- load over 1, 5 and 15 minutes at the end: {load}"
    yield f"- Python {platform.python_version()}, {_prometheus()}, " + ", ".join(
        f"{name} {version(name)}"
        for name in (
            "otel-kubecost",
            "opentelemetry-exporter-prometheus-remote-write",
            "prometheus_client",
            "msgspec",
        )
    )


def _cases(measured: Mapping[Case, Steady]) -> Iterator[str]:
    yield _row(
        ("", "cycles", "interval", "CPU s a cycle", "least to most", "peak MiB", "samples a cycle")
    )
    yield _row(["---"] * 7)
    for case, found in measured.items():
        spread = f"{min(found.cpu):.3f} to {max(found.cpu):.3f}"
        peaks = " + ".join(f"{peak:,.1f}" for peak in found.peaks)
        cycles, interval = str(len(found.cpu)), f"{case.interval} s"
        arrived = f"{min(found.samples):,} to {max(found.samples):,}"
        yield _row((str(case), cycles, interval, f"{found.cycle:.3f}", spread, peaks, arrived))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory() -> str:
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _prometheus() -> str:
    said = subprocess.run(["prometheus", "--version"], capture_output=True, text=True, check=True)
    words = (said.stdout or said.stderr).split()
    return f"Prometheus {words[2]}"
