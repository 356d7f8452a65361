"""How far each series has come, and which samples go further: those newer than its last one.

Prometheus' storage decides that (tsdb/head_append.go); whoever sends has to do it himself.

    last of the series    sample of the page     what becomes of it
    10:00  1              10:01  any             it is sent
    10:00  1              10:00  1               nothing, it was sent already
    10:00  1              10:00  2               nothing, a duplicate
    10:00  1              09:59  any             nothing, out of order
    any                   in over 10 minutes     nothing, out of bounds
    any                   before 1970            nothing, out of bounds
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from operator import gt
from typing import Literal, NamedTuple, TypeAlias

from otel_kubecost.receivers.prometheus.page.layout import Layout

NEVER = -(2**63)
_MOST_AHEAD = 10 * 60 * 1000
"""Milliseconds, as in scrape.go."""

_Fate: TypeAlias = Literal["sent", "known", "duplicates", "out_of_order", "out_of_bounds"]


class Progress(NamedTuple):
    """Of each line the last sample of its series; its time is NEVER if there was none."""

    times: array[int]
    """Milliseconds since the epoch."""
    values: array[float]

    @classmethod
    def at(cls, time: int, count: int) -> Progress:
        """All at ``time``, with values that nobody remembers."""
        return cls(array("q", [time]) * count, array("d", [math.nan]) * count)

    def carried(self, old: array[int], new: array[int]) -> Progress:
        """From lines of the ``old`` series to lines of the ``new`` ones."""
        places = dict(zip(old, range(len(old)), strict=True))
        origins = [places.get(series) for series in new]
        return Progress(
            array("q", [NEVER if at is None else self.times[at] for at in origins]),
            array("d", [math.nan if at is None else self.values[at] for at in origins]),
        )


class Verdict(NamedTuple):
    progress: Progress
    sent: bytes | None = None
    """1 for each line whose sample goes on, 0 for each other; None if all do."""
    duplicates: int = 0
    out_of_order: int = 0
    out_of_bounds: int = 0


def judged(samples: Progress, last: Progress, now: int, layout: Layout) -> Verdict:
    """What becomes of ``samples``, the times and values of a page that was scraped at ``now``."""
    if not layout.repeats and _all_go_on(samples.times, last.times, now):
        return Verdict(samples)
    return judged_singly(samples, last, now, layout)


def _all_go_on(times: array[int], last: array[int], now: int) -> bool:
    if not times:
        return True
    return all(map(gt, times, last)) and min(times) >= 0 and max(times) <= now + _MOST_AHEAD


def judged_singly(samples: Progress, last: Progress, now: int, layout: Layout) -> Verdict:
    """As ``judged``, one by one in the order of the page; lines that are dropped are no samples."""
    firsts = layout.repeats or {}
    times, values = last.times[:], last.values[:]
    fates: Counter[_Fate] = Counter()
    sent = bytearray(len(times))
    for place, series in enumerate(layout.series):
        if series:
            time, value = samples.times[place], samples.values[place]
            at = firsts.get(place, place)
            fate = _fate(time, value, times[at], values[at], now)
            fates[fate] += 1
            if fate == "sent":
                sent[place], times[at], values[at] = 1, time, value
    for place, first in firsts.items():
        times[place], values[place] = times[first], values[first]
    return Verdict(
        Progress(times, values),
        bytes(sent) if fates["sent"] < fates.total() else None,
        fates["duplicates"],
        fates["out_of_order"],
        fates["out_of_bounds"],
    )


def _fate(time: int, value: float, last: int, last_value: float, now: int) -> _Fate:
    if not 0 <= time <= now + _MOST_AHEAD:
        return "out_of_bounds"
    if time > last:
        return "sent"
    if time < last:
        return "out_of_order"
    is_same = value == last_value or (math.isnan(value) and math.isnan(last_value))
    return "known" if is_same else "duplicates"
