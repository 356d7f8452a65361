"""Processes that are started, measured and ended, and nothing that other people started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

_ROOT = Path(__file__).parent.parent
_START_SECONDS = 120
_STOP_SECONDS = 60
MIB = 1 << 20


class Process:
    """A program, until the context ends it."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._log = log.open("ab")
        self._popen = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env=environment(), cwd=log.parent
        )
        self._clock = _cpu_clock(self._popen.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._popen.terminate()
        try:
            self._popen.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._log.close()

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def cpu(self) -> float:
        """Seconds, user and system, of all its threads, those that ended too."""
        return time.clock_gettime(self._clock)

    def peak(self) -> float:
        """The most memory that was resident, in MiB."""
        return self._status("VmHWM")

    def resident(self) -> float:
        """MiB."""
        return self._status("VmRSS")

    def _status(self, name: str) -> float:
        lines = Path(f"/proc/{self._popen.pid}/status").read_text().splitlines()
        of_name = next(line for line in lines if line.startswith(f"{name}:"))
        return int(of_name.split()[1]) * 1024 / MIB


def _cpu_clock(pid: int) -> int:
    """The clock that clock_getcpuclockid(3) gives, which Python has for threads alone."""
    return ~pid << 3 | 2


def python(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def environment() -> Mapping[str, str]:
    """What the programs see: the repository, and nobody's proxies."""
    passed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**passed, "PYTHONPATH": str(_ROOT)}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serving(module: str, *arguments: object, log: Path) -> Iterator[str]:
    """The URL of a server of ours, ``python -m module ARGUMENTS PORT``, once it listens."""
    port = free_port()
    with Process(python(module, *arguments, port), log) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_open(url, process)
        yield url


def wait_until_open(url: str, process: Process) -> None:
    """Nothing is asked: an exporter's page takes many seconds."""
    host, _, port = url.removeprefix("http://").partition(":")
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.is_running:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nothing listens at {url}; see the logs")


def fetch(url: str, timeout: float = 300) -> bytes:
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        body: bytes = answer.read()
        return body
