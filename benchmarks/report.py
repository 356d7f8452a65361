"""The findings, written down: a table for the terminal, and ``RESULTS.md`` with its picture."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TypeAlias

from benchmarks.bench import Bench, Case
from benchmarks.findings import Finding
from benchmarks.picture import picture
from benchmarks.steady import Steady

Findings: TypeAlias = Mapping[str, Sequence[Finding]]
"""By part."""

_HEADINGS = ("", "", "otel-kubecost", "beside it", "result", "goal", "")
_PACKAGES = (
    "otel-kubecost",
    "opentelemetry-exporter-prometheus-remote-write",
    "prometheus_client",
    "msgspec",
)
_METHOD = Path(__file__).with_name("method.md")
"""What is inside each figure; the last section."""


def table(findings: Findings) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield _row(_HEADINGS)
    yield _row(["---"] * len(_HEADINGS))
    for part, found in findings.items():
        for one in found:
            yield _row((part, *one.cells()))


def write(directory: Path, command: str, findings: Findings, bench: Bench) -> None:
    """``RESULTS.md``, and ``results.svg`` where there is something to draw."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = ["# What a cycle costs", "", *_facts(command), "", *table(findings), ""]
    if bench.measured:
        (directory / "results.svg").write_text(picture(bench.measured))
        lines += ["![CPU and memory against the number of pods](results.svg)", ""]
        lines += ["## Every steady state", "", *_cases(bench.measured), ""]
    (directory / "RESULTS.md").write_text("\n".join([*lines, _METHOD.read_text()]))


def _facts(command: str) -> Iterator[str]:
    now = datetime.now(UTC)
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    yield f"- {now:%Y-%m-%d %H:%M} UTC, `{command}`"
    yield f"- {_processor()}, {os.cpu_count()} cores, {_memory()}; Linux {platform.release()}"
    yield f"- load over 1, 5 and 15 minutes at the end: {load}"
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    yield f"- Python {platform.python_version()}, {_prometheus()}, {versions}"


def _cases(measured: Mapping[Case, Steady]) -> Iterator[str]:
    yield _row(
        ("", "cycles", "interval", "CPU s a cycle", "least to most", "peak MiB", "samples a cycle")
    )
    yield _row(["---"] * 7)
    for case, found in measured.items():
        spread = f"{min(found.cpu):.3f} to {max(found.cpu):.3f}"
        peaks = " + ".join(f"{median(of_one):,.1f}" for of_one in zip(*found.peaks, strict=True))
        cycles, interval = str(len(found.cpu)), f"{max(found.intervals):g} s"
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
    """Its version; the parts without the chain need none."""
    program = shutil.which("prometheus")
    if program is None:
        return "no Prometheus"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    words = (said.stdout or said.stderr).split()
    return f"Prometheus {words[2]}"
