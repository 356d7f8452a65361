"""What holds for receivers that tell of earlier marks, too."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.component import Historical, Past
from otel_kubecost.testing.contract.content import content
from otel_kubecost.testing.contract.of_receivers import check_stamped
from otel_kubecost.testing.contract.rules import CHECKPOINTS, PAST, SAME_PAST
from otel_kubecost.testing.contract.subject import Subject, present_mark
from otel_kubecost.testing.contract.work import collected

_BACK = 4
"""How many marks back is looked."""


def check_missed(subject: Subject) -> None:
    with subject.running() as receiver:
        if not isinstance(receiver, Historical):
            return
        mark = present_mark(receiver.emit_interval)
        collected(subject, receiver, mark)
        after = mark - _BACK * receiver.emit_interval
        past = subject.call(PAST, "missed", lambda: receiver.missed(after, mark))
        if past is not None:
            _check_past(subject, past, "missed", after + 1e-3, mark)


def check_recalled(subject: Subject) -> None:
    with subject.running() as receiver:
        if not isinstance(receiver, Historical):
            return
        end = present_mark(receiver.emit_interval)
        collected(subject, receiver, end)
        start = end - _BACK * receiver.emit_interval
        past = subject.call(PAST, "recall", lambda: receiver.recall(start, end))
        _check_past(subject, past, "recall", start, end)


def _check_past(subject: Subject, past: Past, giver: str, start: float, end: float) -> None:
    marks = list(past.marks)
    if not marks or not all(start <= one < end for one in marks):
        raise PAST.broken(f"{giver} has the marks {marks} for [{start:.0f}, {end:.0f})")
    if not all(one < another for one, another in pairwise(marks)):
        raise PAST.broken(f"the marks of {giver} are {marks}")
    given = _batches(subject, past, None)
    if [mark for mark, _ in given] != marks:
        raise PAST.broken(f"{giver} has the marks {marks} and gives {[one for one, _ in given]}")
    for mark, batch in given:
        check_stamped(batch, mark, f"{giver}, at {mark:.0f},")
    later = [mark for mark, _ in _batches(subject, past, marks[0])]
    if later != marks[1:]:
        raise PAST.broken(f"batches(after={marks[0]:.0f}) of {giver} gives the marks {later}")


def _batches(subject: Subject, past: Past, after: float | None) -> list[tuple[float, MetricsData]]:
    return subject.call(PAST, f"batches(after={after})", lambda: list(past.batches(after)))


def check_same_past(subject: Subject) -> None:
    with subject.running() as receiver:
        if not isinstance(receiver, Historical):
            return
        mark = present_mark(receiver.emit_interval)
        given = collected(subject, receiver, mark)
        past = subject.call(PAST, "recall", lambda: receiver.recall(mark, mark + 1e-3))
        told = [batch for _, batch in _batches(subject, past, None)]
        before, after = (set(content(one[0])) if one else set() for one in (given, told))
        if differing := before ^ after:
            raise SAME_PAST.broken(f"this is in one of the two alone: {min(differing)}")


def check_restated(subject: Subject) -> None:
    with subject.running() as receiver:
        if not isinstance(receiver, Historical):
            return
        mark = present_mark(receiver.emit_interval)
        past = subject.call(PAST, "restated", lambda: receiver.restated(mark, None))
        if past is not None and not list(past.marks):
            raise PAST.broken("restated has no marks, and is not None")


def check_checkpoints(subject: Subject) -> None:
    with subject.running() as receiver:
        if not isinstance(receiver, Historical):
            return
        mark = present_mark(receiver.emit_interval)
        _deliver(subject, receiver, "check/one", mark - receiver.emit_interval)
        _deliver(subject, receiver, "check/other", mark)
        _expect(subject, receiver, "check/one", mark - receiver.emit_interval)
        subject.call(CHECKPOINTS, "forget", lambda: receiver.forget("check/one"))
        _expect(subject, receiver, "check/one", None)
        _expect(subject, receiver, "check/other", mark)
        subject.call(CHECKPOINTS, "forget", lambda: receiver.forget("check/other"))


def _deliver(subject: Subject, receiver: Historical, reader: str, mark: float) -> None:
    subject.call(CHECKPOINTS, "delivered", lambda: receiver.delivered(mark, reader))
    _expect(subject, receiver, reader, mark)


def _expect(subject: Subject, receiver: Historical, reader: str, mark: float | None) -> None:
    found: Any = subject.call(CHECKPOINTS, "checkpoint", lambda: receiver.checkpoint(reader))
    if found != mark:
        raise CHECKPOINTS.broken(f"that of {reader} is {found} and not {mark}")


OF_HISTORIES = (check_missed, check_recalled, check_same_past, check_restated, check_checkpoints)
