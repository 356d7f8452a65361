"""Running cases: which sender, how many pods, in which form; those of a comparison in turns."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Literal, NamedTuple

from benchmarks.arrival import Series, read_back
from benchmarks.chain import chain
from benchmarks.processes import Process, environment, fetch, python, serving
from benchmarks.product import Form, Settings, product
from benchmarks.steady import Steady, measure

_WARM = 1
_TRIES = 4
_PODS_A_SECOND = 2_500
"""As many as ours can surely do, twice: a mark waits half an interval for its answer."""


class Case(NamedTuple):
    """A steady state that can be measured."""

    sender: Literal["product", "chain", "floor"]
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
        """Seconds: short, with room for the cycle, up to what is usual."""
        if self.sender == "chain":
            return min(60, max(4, self.size // 500))
        return max(2, self.size // _PODS_A_SECOND)


class Bench:
    """Measures cases in turns, ``rounds`` times each, in directories below ``room``."""

    def __init__(self, room: Path, rounds: int, cycles: int) -> None:
        self.rounds = rounds
        self.cycles = cycles
        self.measured: dict[Case, Steady] = {}
        """All that was found of each case, in whatever comparisons."""
        self.arrived: dict[Case, Series] = {}
        """What the receiver had of a case at generation 0."""
        self._room = room
        self._numbers = count()

    def steady(self, *cases: Case, compare: bool = False) -> list[Steady]:
        """A result for each case; with ``compare`` ``arrived`` is known then, too."""
        found: dict[Case, Steady] = {}
        for number in range(self.rounds):
            keep = compare and number == self.rounds - 1
            for case in cases:
                _join(found, case, self._run(case, keep=keep))
        for case in cases:
            _join(self.measured, case, found[case])
        return [found[case] for case in cases]

    def _run(self, case: Case, *, keep: bool) -> Steady:
        _say(str(case))
        room = self.room()
        with self.stand_ins(case.size) as (source, receiver), ExitStack() as stack:
            senders = stack.enter_context(_sender(case, source, receiver, room / "sender"))
            found = self._measured(case, senders, receiver)
            if keep:
                fetch(f"{source}/rest")
                # Until nothing of before is under way, and two more for the receiver to keep.
                longer = measure(senders, receiver, case.interval, warm=2, cycles=2)
                found = found._replace(peaks=longer.peaks)
                stack.close()
                self.arrived[case] = read_back(receiver, room)
        _say(f"    {found.cycle:.3f} CPU s a cycle, {found.peak:.1f} MiB")
        return found

    def _measured(self, case: Case, senders: Sequence[Process], receiver: str) -> Steady:
        """Once more where a mark was late, as on a machine that has other work."""
        for _ in range(_TRIES):
            found = measure(senders, receiver, case.interval, warm=_WARM, cycles=self.cycles)
            if found.is_even or case.sender == "chain":  # Prometheus sends when it likes
                return found
            _say(f"    uneven cycles: {found.samples} samples")
        raise RuntimeError(f"{case}: {case.interval} s are too short for a cycle")

    def room(self) -> Path:
        """A new directory."""
        room = self._room / str(next(self._numbers))
        room.mkdir()
        return room

    @contextmanager
    def source(self, size: int) -> Iterator[str]:
        with serving("benchmarks.source", size, log=self.room() / "source.log") as url:
            yield url

    @contextmanager
    def stand_ins(self, size: int) -> Iterator[tuple[str, str]]:
        """The URLs of a source and of a receiver."""
        log = self.room() / "receiver.log"
        with self.source(size) as source, serving("benchmarks.receiver", log=log) as receiver:
            yield source, receiver

    def output(self, module: str, *arguments: object) -> str:
        """What one of our programs prints."""
        _say(" ".join(map(str, (module, *arguments))))
        command = python(module, *arguments)
        done = subprocess.run(
            command, stdout=subprocess.PIPE, env=environment(), check=True, text=True
        )
        return done.stdout


@contextmanager
def _sender(case: Case, source: str, receiver: str, room: Path) -> Iterator[Sequence[Process]]:
    if case.sender == "chain":
        with chain(case.form, case.interval, source, receiver, room) as senders:
            yield senders
    elif case.sender == "floor":
        command = python("benchmarks.floor", source, case.interval)
        with Process(command, room.with_suffix(".log")) as process:
            yield [process]
    else:
        collect_every = 3600 if case.idle else None
        settings = Settings(case.form, case.interval, case.spool, collect_every)
        with product(settings, source, receiver, room) as senders:
            yield senders


def _join(known: dict[Case, Steady], case: Case, found: Steady) -> None:
    known[case] = known[case].joined(found) if case in known else found


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
