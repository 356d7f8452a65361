"""Steady cycles of running senders: CPU seconds of each, and the memory they took."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.processes import Process, fetch

_BEFORE_MARK = 0.04
"""The part of an interval before its end at which the clocks are read: cycles begin at marks."""


class Steady(NamedTuple):
    """What some runs of the same senders took."""

    intervals: list[float]
    """Seconds between two marks, a figure a run."""
    cpu: list[float]
    """Seconds of all senders, a figure a cycle."""
    samples: list[int]
    """As many figures."""
    peaks: list[list[float]]
    """MiB of each sender, a list a run."""

    def joined(self, other: Steady) -> Steady:
        """The runs of both."""
        return Steady(
            self.intervals + other.intervals,
            self.cpu + other.cpu,
            self.samples + other.samples,
            self.peaks + other.peaks,
        )

    @property
    def cycle(self) -> float:
        return median(self.cpu)

    @property
    def peak(self) -> float:
        """MiB of all senders together, each at its own peak: the median of the runs."""
        return median(map(sum, self.peaks))

    @property
    def highest(self) -> float:
        """The same, of the run that took the most."""
        return max(map(sum, self.peaks))

    @property
    def is_even(self) -> bool:
        """Whether every cycle brought as much: else a mark came late, and its cost with it."""
        return max(self.samples) <= 1.01 * min(self.samples)


def measure(  # noqa: PLR0913  what is measured, and how often
    senders: Sequence[Process],
    receiver: str,
    interval: float,
    *,
    warm: int,
    cycles: int,
    begin: float = 0.0,
) -> Steady:
    """``cycles`` figures, after ``warm`` cycles and the one under way.

    One of the marks is at ``begin``, seconds since the epoch.
    """
    for _ in range(warm + 1):
        wait_for_end(interval, begin)
    taken(receiver)
    before = _cpu(senders)
    costs, samples = [], []
    for _ in range(cycles):
        wait_for_end(interval, begin)
        now = _cpu(senders)
        costs.append(now - before)
        before = now
        samples.append(taken(receiver)["samples"])
    return Steady([interval], costs, samples, [[sender.peak() for sender in senders]])


def taken(receiver: str) -> dict[str, int]:
    """What arrived since this was asked last."""
    found: dict[str, int] = json.loads(fetch(f"{receiver}/taken"))
    return found


def wait_for_request(senders: Sequence[Process], receiver: str, size: int = 1) -> None:
    """Until one of ``size`` bytes or more has arrived."""
    while not json.loads(fetch(f"{receiver}/wait?bytes={size}")):
        for sender in senders:
            sender.check()


def wait_for_end(interval: float, begin: float = 0.0) -> None:
    """Until shortly before the next mark of the grid of ``begin``, not the one just over."""
    before = interval * _BEFORE_MARK
    left = interval - before - (time.time() - begin) % interval
    time.sleep(left if left > 0.5 * before else left + interval)


def _cpu(senders: Sequence[Process]) -> float:
    for sender in senders:
        sender.check()
    return sum(sender.cpu() for sender in senders)
