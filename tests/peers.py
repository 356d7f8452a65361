"""Real peers for the tests: Debian's Prometheus, and the command of this package as a process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

COMMAND = [sys.executable, "-m", "otel_kubecost"]
JOB = "otel-kubecost"
"""What ``Prometheus`` labels the series with that it scrapes."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_until(condition, timeout=30.0, process=None):
    """The first true value of ``condition()``; fails after ``timeout`` seconds, or with the
    process."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the process ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} seconds: {condition}")
        time.sleep(0.05)


class Prometheus:
    """Debian's Prometheus with the remote-write receiver on.

    ``scrape`` are targets, ``host:port``, twice a second, for the first time five seconds after the
    start; ``remote_write`` is that block of its configuration.
    """

    def __init__(
        self,
        directory: Path,
        *,
        scrape: tuple[str, ...] = (),
        remote_write: tuple[dict[str, object], ...] = (),
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        job = {
            "job_name": JOB,
            "scrape_interval": "500ms",
            "scrape_timeout": "500ms",
            "honor_labels": True,
            "static_configs": [{"targets": scrape}],
        }
        config = directory / "prometheus.yml"
        config.write_text(
            json.dumps({"scrape_configs": [job] if scrape else [], "remote_write": remote_write})
        )
        self._log = (directory / "prometheus.log").open("w")
        self._process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--web.enable-remote-write-receiver",
            ],
            stdout=self._log,
            stderr=self._log,
        )

    def __enter__(self) -> Prometheus:
        wait_until(self._ready, process=self._process)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._log.close()

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

    @property
    def write_url(self) -> str:
        return f"{self.url}/api/v1/write"

    def query(self, expression: str, at: float | None = None):
        """The result of an instant query: a list of {"metric": ..., "value" or "values": ...}."""
        parameters = {"query": expression} | ({"time": str(at)} if at is not None else {})
        url = f"{self.url}/api/v1/query?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]["result"]


def lint(page: bytes) -> tuple[int, bytes, bytes]:
    """Exit code and outputs of ``promtool check metrics``: 0 and nothing where a page is good."""
    finished = subprocess.run(
        ["promtool", "check", "metrics"], input=page, capture_output=True, check=False
    )
    return finished.returncode, finished.stdout, finished.stderr


class Agent:
    """``otel-kubecost run`` as a process; its log is in ``log`` after it ended."""

    def __init__(self, *arguments: str | Path, env: dict[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, "run", *map(str, arguments)],
            env=os.environ | (env or {}),
            stderr=subprocess.PIPE,
            text=True,
        )
        self.log = ""

    def __enter__(self) -> Agent:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop()

    def stop(self) -> int:
        """SIGTERM, then wait; gives the exit code."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        _, self.log = self._process.communicate(timeout=40)
        return self._process.returncode


def run_command(*arguments: str | Path, env: dict[str, str] | None = None):
    """The finished process of one command, with its output as text."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
