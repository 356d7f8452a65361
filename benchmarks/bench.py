"""Running cases: which sender, how many pods, in which form; those of a comparison in turns."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from benchmarks.arrival import Series, read_back
from benchmarks.chain import chain
from benchmarks.processes import Process, environment, fetch, python, serving
from benchmarks.product import Form, Settings, product
from benchmarks.steady import Steady, measure, wait_for_request

Sender: TypeAlias = Literal["product", "chain", "floor at once", "floor in windows"]

_WARM = 1
_KEPT = 2
"""Cycles whose requests the receiver keeps."""
_TRIES = 4
_PODS_A_SECOND = 20_000
"""What ours has room for: source and receiver are on the same cores."""
_SCRAPED_PODS_A_SECOND = 650
_SCRAPE_SECONDS = 5, 40
"""At least what Prometheus' remote write waits for more samples; at most more than what the chain
takes for 50,000 pods. Usual are 15 to 60."""


class Case(NamedTuple):
    """A steady state that can be measured."""

    sender: Sender
    size: int
    form: Form
    spool: bool = True
    idle: bool = False
    """Kubecost is not asked again: the last answer is sent at each mark."""

    def __str__(self) -> str:
        spool = "" if self.spool else ", no spool"
        idle = ", between collections" if self.idle else ""
        return f"{self.sender}, {self.size:,} pods, {self.form}{spool}{idle}"

    @property
    def interval(self) -> int:
        """Seconds: short, with room for the cycle."""
        if self.sender == "chain":
            least, most = _SCRAPE_SECONDS
            return min(most, max(least, self.size // _SCRAPED_PODS_A_SECOND))
        return int(1.5 + self.size / _PODS_A_SECOND)


class Bench:
    """Measures cases in turns, ``rounds`` times each, in directories below ``room``."""

    def __init__(self, room: Path, rounds: int, cycles: int) -> None:
        self.rounds = rounds
        self.cycles = cycles
        self.measured: dict[Case, Steady] = {}
        """All that was found of each case, in whatever comparisons."""
        self.scraped: dict[str, Steady] = {}
        """The same of the part ``scraping``."""
        self.arrived: dict[Case, Series] = {}
        """What the receiver had of a case at generation 0."""
        self._asked: dict[Form, list[str]] = {}
        self._room = room
        self._numbers = count()

    def steady(self, *cases: Case, compare: bool = False) -> list[Steady]:
        """A result for each case; with ``compare`` ``arrived`` is known then, too.

        A floor comes after the product whose queries it asks.
        """
        found: dict[Case, Steady] = {}
        for number in range(self.rounds):
            keep = compare and number == self.rounds - 1
            for case in cases:
                _join(found, case, self._run(case, keep=keep))
        for case in cases:
            _join(self.measured, case, found[case])
        return [found[case] for case in cases]

    def _run(self, case: Case, *, keep: bool) -> Steady:
        """With twice the interval where a mark was late, as on a machine that has other work."""
        for doubled in range(_TRIES):
            interval = case.interval * 2**doubled
            say(f"{case}, every {interval} s")
            found = self._run_once(case, interval, keep=keep)
            if found.is_even or case.sender == "chain":  # Prometheus sends when it likes
                say(f"    {found.cycle:.3f} CPU s a cycle, {found.peak:.1f} MiB")
                return found
            say(f"    uneven cycles: {found.samples} samples")
        raise RuntimeError(f"{case}: {interval} s are too short for a cycle")

    def _run_once(self, case: Case, interval: int, *, keep: bool) -> Steady:
        room = self.room()
        with self.stand_ins(case.size) as (source, receiver), ExitStack() as stack:
            running = self._sender(case, interval, source, receiver, room / "sender")
            senders = stack.enter_context(running)
            if case.sender in ("product", "chain"):
                wait_for_request(senders, receiver)
            found = measure(senders, receiver, interval, warm=_WARM, cycles=self.cycles)
            if case.sender == "product":
                self._asked[case.form] = _queries(source)
            if keep:
                fetch(f"{source}/rest")
                while not _queries(source):
                    time.sleep(0.02)
                # Until nothing of before is under way, and two more for the receiver to keep.
                longer = measure(senders, receiver, interval, warm=0, cycles=2)
                found = found._replace(peaks=longer.peaks)
                stack.close()
                self.arrived[case] = read_back(receiver, room)
        return found

    @contextmanager
    def _sender(
        self, case: Case, interval: int, source: str, receiver: str, room: Path
    ) -> Iterator[Sequence[Process]]:
        if case.sender == "chain":
            with chain(case.form, interval, source, receiver, room) as senders:
                yield senders
        elif case.sender == "product":
            collect_every = 3600 if case.idle else None
            settings = Settings(case.form, interval, case.spool, collect_every)
            with product(settings, source, receiver, room) as senders:
                yield senders
        else:
            way = case.sender.removeprefix("floor ")
            command = python("floor", source, interval, way, *self._asked[case.form])
            with Process(command, room.with_suffix(".log")) as process:
                yield [process]

    def room(self) -> Path:
        """A new directory."""
        room = self._room / str(next(self._numbers))
        room.mkdir()
        return room

    @contextmanager
    def source(self, size: int, churn: float = 0.004) -> Iterator[str]:
        """In each cycle so many of the pods are replaced."""
        log = self.room() / "source.log"
        with serving("source", size, churn, log=log) as url:
            yield url

    @contextmanager
    def stand_ins(self, size: int, churn: float = 0.004) -> Iterator[tuple[str, str]]:
        """The URLs of a source and of a receiver."""
        log = self.room() / "receiver.log"
        with self.source(size, churn) as source, serving("receiver", _KEPT, log=log) as url:
            yield source, url


def output(command: Sequence[str]) -> str:
    """What a program of ours prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment(), check=True, text=True)
    return done.stdout


def _queries(source: str) -> list[str]:
    """What was aggregated by, each once."""
    asked: list[str] = json.loads(fetch(f"{source}/asked"))
    return asked


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _join(known: dict[Case, Steady], case: Case, found: Steady) -> None:
    known[case] = known[case].joined(found) if case in known else found
