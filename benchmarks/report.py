"""The findings, written down: a table for the terminal, and files with what is inside it."""

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
from typing import Any, NamedTuple, TypeAlias

from benchmarks.bench import Bench
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
_HERE = Path(__file__).parent


class _Sheet(NamedTuple):
    """A file with the results of some parts."""

    name: str
    title: str
    method: Path
    """What is inside each figure; the last section."""


_COSTS = _Sheet("RESULTS.md", "What a cycle costs", _HERE / "method.md")
_SCRAPES = _Sheet("scraping/SCRAPING.md", "What a scrape costs", _HERE / "scraping" / "method.md")
_OTHERS = {"scraping": _SCRAPES}
"""Sheets of parts; of all the rest it is the first."""


def table(findings: Findings) -> Iterator[str]:
    """Lines of a Markdown table."""
    yield _row(_HEADINGS)
    yield _row(["---"] * len(_HEADINGS))
    for part, found in findings.items():
        for one in found:
            yield _row((part, *one.cells()))


def write(directory: Path, command: str, findings: Findings, bench: Bench) -> None:
    """The sheets of the parts that were run, and ``results.svg`` where there is what to draw."""
    directory.mkdir(parents=True, exist_ok=True)
    for sheet in (_COSTS, _SCRAPES):
        of_sheet = {part: found for part, found in findings.items() if _sheet(part) is sheet}
        if not of_sheet:
            continue
        lines = [f"# {sheet.title}", "", *_facts(command), "", *table(of_sheet), ""]
        if sheet is _COSTS and bench.measured:
            (directory / "results.svg").write_text(picture(bench.measured))
            lines += ["![CPU and memory against the number of pods](results.svg)", ""]
        measured: Mapping[Any, Steady] = bench.measured if sheet is _COSTS else bench.scraped
        if measured:
            lines += ["## Every steady state", "", *_cases(measured), ""]
        file = directory / sheet.name
        file.parent.mkdir(exist_ok=True)
        file.write_text("\n".join([*lines, sheet.method.read_text()]))


def _sheet(part: str) -> _Sheet:
    return _OTHERS.get(part, _COSTS)


def _facts(command: str) -> Iterator[str]:
    now = datetime.now(UTC)
    load = ", ".join(f"{part:.1f}" for part in os.getloadavg())
    yield f"- {now:%Y-%m-%d %H:%M} UTC, `{command}`"
    yield f"- {_processor()}, {os.cpu_count()} cores, {_memory()}; Linux {platform.release()}"
    yield f"- load over 1, 5 and 15 minutes at the end: {load}"
    versions = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    yield f"- Python {platform.python_version()}, {_prometheus()}, {versions}"


def _cases(measured: Mapping[Any, Steady]) -> Iterator[str]:
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
