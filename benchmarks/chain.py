"""The guide's chain: an allocation exporter, and Debian's Prometheus that scrapes and writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.processes import Process, free_port, python, wait_until_open
from benchmarks.product import Form


@contextmanager
def chain(
    form: Form, interval: int, source: str, receiver: str, room: Path
) -> Iterator[list[Process]]:
    """Both processes, running, in the directory ``room``."""
    room.mkdir(parents=True)
    port = free_port()
    command = python("allocation_exporter", source, form, interval, port)
    with Process(command, room / "exporter.log") as exporter:
        wait_until_open(f"http://127.0.0.1:{port}", exporter)
        with Process(_prometheus(interval, port, receiver, room), room / "prometheus.log") as agent:
            yield [exporter, agent]


def _prometheus(interval: int, port: int, receiver: str, room: Path) -> list[str]:
    file = room / "prometheus.yml"
    file.write_text(json.dumps(_configuration(interval, port, receiver), indent=2))
    return [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={room / 'data'}",
        f"--web.listen-address=127.0.0.1:{free_port()}",
    ]


def _configuration(interval: int, port: int, receiver: str) -> dict[str, Any]:
    """As the guide has it; the rest is Prometheus' own."""
    scrape = {
        "job_name": "kubecost-allocation-exporter",
        "honor_labels": True,
        "scrape_interval": f"{interval}s",
        "scrape_timeout": f"{interval}s",
        "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
    }
    return {"scrape_configs": [scrape], "remote_write": [{"url": f"{receiver}/write"}]}
