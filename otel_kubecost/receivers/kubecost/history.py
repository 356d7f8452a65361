"""What to ask for marks that went by: in which windows, and where hours are gone, in which days.

A sample says what the newest closed and settled window cost per hour at its mark. That is known of
any mark for as long as Kubecost keeps hours; of older ones there are whole days (UTC), and the
window's day stands for it::

    window of 6h that ends      02-22T10:00            day 02-22
    hours kept                  04:00-10:00       and  00:00-24:00, once it is closed and settled

Pure; ``archive`` asks.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.clock import floor_mark
from otel_kubecost.pdata import restamp, with_ended
from otel_kubecost.receivers.kubecost.window import DAY, Window, rfc3339


class Form(StrEnum):
    """How the window of an earlier mark can be asked for."""

    HOURLY = "hourly"
    """As it was at its mark."""
    DAILY = "daily"
    GONE = "gone"
    """Not at all: hours are no longer kept, and days cannot stand for them."""


class Source(NamedTuple):
    """Where the number of a mark comes from."""

    window: Window
    form: Form


class Stretch(NamedTuple):
    """Successive marks with one source."""

    source: Source
    marks: Sequence[float]


@dataclass(frozen=True, slots=True)
class Planner:
    """What is still to be had at the present, by mark."""

    window_at: Callable[[float], Window]
    """The window that a scrape at a mark asks for."""
    now: float
    """The present mark, in seconds since the epoch, as all times here."""
    interval: float
    """Between two marks at which samples leave."""
    collection_interval: float
    """Between two marks at which Kubecost is asked."""
    hourly_retention: float | None
    """Seconds for which hours are kept; None for ever."""
    whole_days: bool = False
    """Numbers are totals: a day stands for a window of whole days alone."""
    days: set[Source] = field(default_factory=set)
    """Days that are read as such. One is not divided: hours that are left of it and the mean of
    all its hours would not add up to what it cost."""

    def source(self, mark: float) -> Source:
        window, day = self.window_at(self._asked(mark)), self.daily(mark)
        kept = self.hourly_retention
        if day not in self.days and (kept is None or self.now - window.start <= kept):
            return Source(window, Form.HOURLY)
        if day.form is Form.DAILY:
            self.days.add(day)
        return day

    def daily(self, mark: float) -> Source:
        """The days that stand for the window of ``mark``; the window itself while they last."""
        window = self.window_at(self._asked(mark))
        if self.whole_days and (window.end - window.start) % DAY:
            return Source(window, Form.GONE)
        end = int(floor_mark(window.end - 1, DAY)) + DAY
        if end > self.window_at(self.now).end:
            return Source(window, Form.HOURLY)
        days = max(1, round((window.end - window.start) / DAY))
        return Source(Window(end - days * DAY, end), Form.DAILY)

    def closed_days(self) -> float:
        """Midnight after the last day that is closed and settled."""
        return floor_mark(self.window_at(self.now).end, DAY)

    def _asked(self, mark: float) -> float:
        """When Kubecost was asked for what left at ``mark``: at the first mark that was due."""
        due = floor_mark(mark, self.collection_interval)
        return -floor_mark(-due, self.interval)


def marks_between(after: float, before: float, interval: float) -> list[float]:
    """The marks of ``interval`` that are later than ``after`` and earlier than ``before``."""
    first = floor_mark(after, interval) + interval
    count = int(-floor_mark(first - before, interval) / interval)
    return [first + step * interval for step in range(count)]


def stretches(marks: Sequence[float], source: Callable[[float], Source]) -> list[Stretch]:
    """``marks`` in order, those together that one answer serves.

    Windows go forward with their marks, so each stretch is found by halving: a gap may have more
    marks than can be looked at one by one between two of them.
    """
    parts, begin = [], 0
    while begin < len(marks):
        parts.append(_stretch(marks, begin, source))
        begin += len(parts[-1].marks)
    return parts


def _stretch(marks: Sequence[float], begin: int, source: Callable[[float], Source]) -> Stretch:
    of = source(marks[begin])
    end = bisect_left(marks, True, lo=begin + 1, key=lambda mark: source(mark) != of)
    return Stretch(of, marks[begin:end])


class EarlierMarks:
    """Marks that went by, with what ``read`` finds for each stretch of them.

    ``read`` gives metrics of any time, or none where there is nothing to be had, and raises
    ScrapeError where Kubecost fails. ``done`` is called when there are no more.
    """

    def __init__(
        self,
        parts: Sequence[Stretch],
        read: Callable[[Source], MetricsData],
        done: Callable[[], None] = lambda: None,
    ) -> None:
        self._parts = parts
        self._read = read
        self._done = done

    @property
    def marks(self) -> Sequence[float]:
        return [mark for part in self._parts for mark in part.marks]

    @property
    def windows(self) -> Mapping[str, int]:
        """How many windows there are, by their form."""
        windows = {part.source for part in self._parts}
        return {form.value: sum(one.form is form for one in windows) for form in Form}

    def batches(self, after: float | None = None) -> Iterator[tuple[float, MetricsData]]:
        """Each mark later than ``after`` with its batch; read as they are asked for."""
        before: MetricsData | None = None
        for part in self._parts:
            marks = [mark for mark in part.marks if after is None or mark > after]
            if not marks:
                continue
            data = self._read(part.source)
            if data.resource_metrics:
                data = with_ended(data, before) if before else data
                before = data
            for mark in marks:
                yield mark, restamp(data, mark)
        self._done()

    def __str__(self) -> str:
        marks, windows = self.marks, sum(self.windows.values())
        return (
            f"{rfc3339(marks[0])} to {rfc3339(marks[-1])}"
            f" ({_counted(len(marks), 'mark')}, {_counted(windows, 'window')})"
        )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
