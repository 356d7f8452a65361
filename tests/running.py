"""The command as a process that is put into odd places, and what has to arrive all the same."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import threading
from pathlib import Path

from peers import COMMAND, Agent, wait_until

from otel_kubecost.testing import RemoteWriteReceiver, Reply, is_stale

TOTAL = "cloudtuner_kubecost_namespace_total_cost"
SUCCESS = "cloudtuner_kubecost_exporter_scrape_success"
SPOOL = {"storage": "file_storage"}
"""Options of every exporter here: where it keeps what waits."""


class Running(Agent):
    """``otel-kubecost run`` as a process, whose log can be read while it runs.

    ``before`` is a command that becomes the agent, as ``env`` and ``prlimit`` do.
    """

    def __init__(
        self, config: Path, *before: str, log: Path | None = None, env: dict[str, str] | None = None
    ) -> None:
        self._log = log or config.with_suffix(".log")
        with self._log.open("a") as stderr:
            self._process = subprocess.Popen(
                [*before, *COMMAND, "run", "--config", str(config)],
                env=os.environ | (env or {}),
                stderr=stderr,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> int:
        return self._process.wait(90)

    def until(self, condition) -> None:
        wait_until(condition, process=self._process)

    def hears(self, number: int, answer: str) -> None:
        """Send a signal and wait for a line of the log that was not there before."""
        said = self.log.count(answer)
        self.signal(number)
        self.until(lambda: self.log.count(answer) > said)

    def signal_to_another_thread(self, number: int) -> None:
        main = self._process.pid
        other = min(
            int(task.name)
            for task in Path(f"/proc/{main}/task").iterdir()
            if task.name != str(main)
        )
        assert ctypes.CDLL(None).tgkill(main, other, number) == 0

    def process(self, file: str) -> str:
        """What the kernel says of it: ``/proc/PID/file``."""
        return Path(f"/proc/{self._process.pid}/{file}").read_text()

    def status(self, field: str, base: int = 10) -> int:
        """A number of its ``status``: memory in KiB, signals as a mask."""
        lines = self.process("status").splitlines()
        (line,) = [line for line in lines if line.startswith(f"{field}:")]
        return int(line.split()[1], base)

    def handles(self, number: int) -> bool:
        return bool(self.status("SigCgt", 16) >> (number - 1) & 1)


class Moody(RemoteWriteReceiver):
    """Says nothing, for ever, to what it is asked while it ``hangs``; ``hung`` is that it was."""

    hangs = False

    def __init__(self, **demands) -> None:
        super().__init__(**demands)
        self.hung = threading.Event()

    def _answer(self, request) -> Reply:
        if not self.hangs:
            return super()._answer(request)
        self.hung.set()
        return Reply(hang=True)

    def hang(self) -> None:
        """From now on, and return when a request hangs."""
        self.hangs = True
        assert self.hung.wait(30)


def push_to(store, **options):
    return {"prometheus_remote_write": push(store, **options)}


def push(store, **options):
    return {"endpoint": store.endpoint, **SPOOL, **options}


def marks(store, metric=TOTAL):
    """The seconds of a metric's samples; all its series have the same."""
    times = {
        tuple(at // 1000 for at, value in points if not is_stale(value))
        for labels, points in store.series.items()
        if ("__name__", metric) in labels
    }
    (common,) = times or {()}
    return list(common)


def come(store, more, agent):
    """Wait for so many marks more than there are."""
    before = len(marks(store))
    agent.until(lambda: len(marks(store)) >= before + more)


def pass_by(kubecost, agent, more=2):
    """Let so many marks pass, whatever becomes of them."""
    before = kubecost.request_count
    agent.until(lambda: kubecost.request_count >= before + more)


def about_costs(violations):
    """Of itself a process says other things than the one before it, for the mark of both."""
    return [one for one in violations if "kubecost_exporter_" not in one]


def assert_every_mark_is_there(store):
    """In order, without a gap."""
    times = marks(store)
    assert times == list(range(times[0], times[-1] + 1))
    assert about_costs(store.violations) == []


def assert_every_mark_is_there_once(store):
    assert_every_mark_is_there(store)
    assert store.violations == []
    assert store.sample_count == sum(map(len, store.series.values()))


def assert_nothing_handed_over_is_lost(store, agent):
    """Of every process what its log says was handed over: costs, and what it said of itself."""
    handed_over = {int(mark) for mark in re.findall(r"Exported .* mark=(\d+)", agent.log)}
    assert len(handed_over) > 4
    assert handed_over <= set(marks(store)) & set(marks(store, SUCCESS))
    assert about_costs(store.violations) == []
