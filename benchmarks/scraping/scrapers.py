"""The senders that are measured: all are given the same job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeAlias

from benchmarks.processes import Process, free_port
from benchmarks.product import running

Scraper: TypeAlias = Literal["otel-kubecost", "Prometheus", "Prometheus as an agent"]
Job: TypeAlias = dict[str, Any]
"""One of ``scrape_configs``."""


@contextmanager
def scraper(name: Scraper, job: Job, receiver: str, room: Path) -> Iterator[list[Process]]:
    """The running program, in the new directory ``room``."""
    room.mkdir(parents=True)
    if name == "otel-kubecost":
        command = _ours(job, receiver, room)
    else:
        command = _prometheus(job, receiver, room, as_agent=name != "Prometheus")
    with Process(command, room / "scraper.log") as process:
        yield [process]


def _ours(job: Job, receiver: str, room: Path) -> list[str]:
    """As in config/guide-families.yaml: what waits is kept on the disk."""
    file = room / "pipeline.yaml"
    exporter = {"endpoint": f"{receiver}/write", "storage": "file_storage"}
    pipeline = {"receivers": ["prometheus"], "exporters": ["prometheus_remote_write"]}
    configuration = {
        "receivers": {"prometheus": {"scrape_configs": [job]}},
        "exporters": {"prometheus_remote_write": exporter},
        "extensions": {"file_storage": {"directory": str(room / "spool")}},
        "service": {"extensions": ["file_storage"], "pipelines": {"metrics": pipeline}},
    }
    file.write_text(json.dumps(configuration, indent=2))
    return running(file)


def _prometheus(job: Job, receiver: str, room: Path, *, as_agent: bool) -> list[str]:
    """As it comes."""
    file = room / "prometheus.yml"
    write = {"url": f"{receiver}/write"}
    file.write_text(json.dumps({"scrape_configs": [job], "remote_write": [write]}, indent=2))
    store = "agent" if as_agent else "tsdb"
    return [
        "prometheus",
        f"--config.file={file}",
        f"--storage.{store}.path={room / 'data'}",
        f"--web.listen-address=127.0.0.1:{free_port()}",
        *(["--enable-feature=agent"] if as_agent else []),
    ]
