"""The command as a process that scrapes one or more pages and writes them to endpoints."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from running import Running
from wire_receiver import Endpoint

INTERVAL = "400ms"
"""Short, and long enough for a scrape on a machine that has other things to do."""


def configuration(
    directory: Path,
    jobs: Mapping[str, Mapping[str, Any]],
    exporters: Mapping[str, Mapping[str, Any]],
    *,
    emit_interval: str = INTERVAL,
    storage: str = "",
    page: bool = False,
) -> Path:
    """A file with these jobs (options by ``job_name``) and exporters (options by name).

    What was scraped leaves every ``emit_interval``. ``storage`` is the directory of a
    ``file_storage``, where there is one. With ``page`` the process has one that can be read
    (``page_of``).
    """
    named = {f"prometheus_remote_write/{name}": one for name, one in exporters.items()}
    if page:
        named["prometheus"] = {"endpoint": "127.0.0.1:0"}
    scrapes = [{"job_name": name, **JOB, **options} for name, options in jobs.items()]
    pipeline = {"receivers": ["prometheus"], "exporters": list(named)}
    extensions = {"file_storage": {"directory": storage}} if storage else {}
    tree = {
        "extensions": extensions,
        "receivers": {"prometheus": {"emit_interval": emit_interval, "scrape_configs": scrapes}},
        "exporters": named,
        "service": {"extensions": list(extensions), "pipelines": {"metrics": pipeline}},
    }
    path = directory / "pipeline.yaml"
    path.write_text(json.dumps(tree))
    return path


JOB = {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL}


def static(target, page: str) -> dict[str, Any]:
    """Options of a job that scrapes one page."""
    return {"metrics_path": f"/{page}", "static_configs": [{"targets": [target.address]}]}


def to(endpoint: Endpoint, **options: Any) -> dict[str, Any]:
    """Options of an exporter."""
    return {"endpoint": endpoint.url, **options}


def page_of(agent: Running) -> str:
    """What the process says of itself, beside what it scraped."""
    (url,) = re.findall(r"Serving metrics at (\S+)", agent.log)
    with urlopen(url) as answer:
        return answer.read().decode()


def for_a_while(condition: Callable[[], object], agent: Running, seconds: float = 10.0) -> None:
    """Wait for ``condition``, or go on without it: what is missing then, the tests say."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        assert agent.runs, agent.log
        time.sleep(0.02)
