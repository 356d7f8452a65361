"""The process, as Prometheus' own clients describe theirs, and which build of us it runs."""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import Metric, MetricsData

from otel_kubecost.memory import PROC, resident_bytes
from otel_kubecost.own_metrics import own_batch, own_metric


class Usage(NamedTuple):
    """What the system says of a process."""

    cpu_seconds: float
    """User and system time."""
    start: float
    """Seconds since the epoch."""
    resident_bytes: int
    open_fds: int


def process_metrics(now: float, proc: Path = PROC) -> MetricsData:
    """At ``now`` (seconds since the epoch); the build alone where ``proc`` cannot be read."""
    return own_batch("otel_kubecost.process", [_build(now), *_usage_metrics(usage(proc), now)])


def usage(proc: Path = PROC) -> Usage | None:
    """Of this process, from proc(5); None where there is no such file system, or none to read."""
    try:
        # The name of the program is in brackets and may have any character, brackets too.
        fields = (proc / "self/stat").read_text().rpartition(")")[2].split()
        files = sum(1 for _ in (proc / "self/fd").iterdir())
        booted = _boot_time(proc)
        resident = resident_bytes(proc)
    except OSError:
        return None
    user, system, started = (int(fields[at]) for at in (11, 12, 19))
    second = os.sysconf("SC_CLK_TCK")
    return Usage(
        cpu_seconds=(user + system) / second,
        start=booted + started / second,
        resident_bytes=resident,
        open_fds=files - 1,  # without the one that lists them
    )


@functools.cache
def _boot_time(proc: Path) -> float:
    """Asked once: it moves with the clock, and a process whose start moves looks restarted."""
    lines = (proc / "stat").read_text().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)


def _build(now: float) -> Metric:
    labels = {
        "version": importlib.metadata.version("otel-kubecost"),
        "python": platform.python_version(),
    }
    return own_metric("otel_kubecost_build_info", "Which build runs; always 1.", [(labels, 1)], now)


def _usage_metrics(used: Usage | None, now: float) -> Iterator[Metric]:
    if used is None:
        return
    for name, description, value in (
        ("cpu_seconds_total", "User and system CPU time.", used.cpu_seconds),
        ("start_time_seconds", "When the process started, since the epoch.", used.start),
        ("resident_memory_bytes", "Resident memory.", float(used.resident_bytes)),
        ("open_fds", "Open file descriptors.", float(used.open_fds)),
    ):
        yield own_metric(f"process_{name}", description, [({}, value)], now)
