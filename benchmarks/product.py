"""The sender that is measured: our own command with a configuration, as a user runs it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from benchmarks.processes import Process

TENANT = "11111111-2222-3333-4444-555555555555"
CLUSTER_NAME = "production"
Form: TypeAlias = Literal["guide", "wide"]
"""Three series a pod, as the deployment guide has them, or all twelve."""
EVERY = 10_000_000


class Settings(NamedTuple):
    form: Form
    interval: int
    """Seconds between two marks."""
    spool: bool = True
    collect_every: int | None = None
    """Seconds between two queries; None: at every mark."""


@contextmanager
def product(settings: Settings, source: str, receiver: str, room: Path) -> Iterator[list[Process]]:
    """The running command, in the directory ``room``."""
    file = written(settings, source, receiver, room)
    with Process(running(file), room / "product.log") as process:
        yield [process]


def written(settings: Settings, source: str, receiver: str, room: Path) -> Path:
    """The file of the configuration, in the new directory ``room``."""
    room.mkdir(parents=True)
    file = room / "pipeline.yaml"
    file.write_text(json.dumps(configuration(settings, source, receiver, room), indent=2))
    return file


def running(file: Path) -> list[str]:
    """The command as it is installed."""
    return [str(Path(sys.executable).with_name("otel-kubecost")), "run", "--config", str(file)]


def configuration(settings: Settings, source: str, receiver: str, room: Path) -> dict[str, Any]:
    """JSON is YAML. Pods are not limited, so that all are sent; all else is as in ``config``."""
    interval = settings.interval
    storage = {"storage": "file_storage"} if settings.spool else {}
    queue = {"endpoint": f"{receiver}/write", "headers": {"Cloud-Account-Id": TENANT}, **storage}
    kubecost = {
        "endpoint": source,
        "tenant_id": TENANT,
        "cluster_name": CLUSTER_NAME,
        "currency": "USD",
        "collection_interval": f"{settings.collect_every or interval}s",
        "emit_interval": f"{interval}s",
        "max_body_bytes": "1GiB",
        "timeout": "300s",
        "levels": ["cluster", "namespace", "node", "pod"],
        **({"pod_metrics": "all"} if settings.form == "wide" else {}),
        **storage,
    }
    pipeline = {
        "receivers": ["kubecost"],
        "processors": ["cardinality_limit"],
        "exporters": ["prometheus_remote_write"],
    }
    spool = {"file_storage": {"directory": str(room / "spool")}} if settings.spool else {}
    return {
        "receivers": {"kubecost": kubecost},
        "processors": {"cardinality_limit": {"top_n_pods": EVERY, "max_series": EVERY}},
        "exporters": {"prometheus_remote_write": queue},
        "extensions": spool,
        "service": {"extensions": list(spool), "pipelines": {"metrics": pipeline}},
    }
