"""Processes that are started, measured and ended, and nothing that other people started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

_HERE = Path(__file__).parent
_START_SECONDS = 120
_STOP_SECONDS = 60
_SHOWN_LINES = 20
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

    def check(self) -> None:
        """Raises RuntimeError, with the end of its log, where it runs no more."""
        if not self.is_running:
            words = Path(self._log.name).read_text().splitlines()[-_SHOWN_LINES:]
            raise RuntimeError("\n".join([f"{self._popen.args!r} has ended:", *words]))

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
    """The command of a module of this folder."""
    return [sys.executable, str(_HERE / "launch.py"), module, *map(str, arguments)]


def environment() -> dict[str, str]:
    """What the programs see: nobody's proxies, and nothing that changes how Python runs."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def serving(module: str, *arguments: object, log: Path) -> Iterator[str]:
    """The URL of a server of ours, ``module ARGUMENTS PORT``, once it listens."""
    port = free_port()
    with Process(python(module, *arguments, port), log) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_open(url, process)
        yield url


def wait_until_open(url: str, process: Process) -> None:
    """Nothing is asked: an exporter's page takes many seconds."""
    host, _, port = url.removeprefix("http://").partition(":")
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        process.check()
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nothing listens at {url}")


def fetch(url: str, timeout: float = 300) -> bytes:
    with urllib.request.urlopen(url, timeout=timeout) as answer:
        body: bytes = answer.read()
        return body
