"""What holds for receivers."""

from __future__ import annotations

import math
import time
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.component import Gathering
from otel_kubecost.pdata import count_points, each_metric, nanoseconds
from otel_kubecost.testing.contract.content import content
from otel_kubecost.testing.contract.rules import (
    ANSWERS,
    COLLECTS,
    FIXED,
    INTERVAL,
    SAME_AGAIN,
    SAYS_WHY,
    STAMPED,
)
from otel_kubecost.testing.contract.shape import checked
from otel_kubecost.testing.contract.subject import Subject, begun, present_mark
from otel_kubecost.testing.contract.work import SHORT, UNDER_WAY, answered, collected


def check_interval(subject: Subject) -> None:
    interval = getattr(subject.build(), "emit_interval", None)
    if not isinstance(interval, int | float) or not 0 < interval < math.inf:
        raise INTERVAL.broken(f"this one is {interval!r}")


def check_answers(subject: Subject) -> None:
    with subject.running() as receiver:
        batches = answered(subject, receiver)
        count = sum(count_points(checked(one, "collect")) for one in batches)
        if receiver.failure is not None:
            raise ANSWERS.broken(f"it says {receiver.failure!r}")
        if not count:
            raise ANSWERS.broken("it gives none")


def check_stamps(subject: Subject) -> None:
    with subject.running() as receiver:
        if isinstance(receiver, Gathering):
            return
        present = present_mark(receiver.emit_interval)
        for mark in (present - receiver.emit_interval, present):
            for batch in collected(subject, receiver, mark):
                check_stamped(batch, mark, f"collect({mark:.0f})")


def check_stamped(batch: MetricsData, mark: float, giver: str) -> None:
    """``batch`` is one, with all its samples at ``mark``. Raises Breach."""
    for _, _, metric in each_metric(checked(batch, giver)):
        for point in metric.data.data_points:
            if point.time_unix_nano != nanoseconds(mark):
                found = f"{giver} gave {metric.name} at {point.time_unix_nano / 1e9:.3f}"
                raise STAMPED.broken(found)


def check_same_again(subject: Subject) -> None:
    with subject.running() as receiver:
        if isinstance(receiver, Gathering):
            return
        mark = present_mark(receiver.emit_interval)
        first = _contents(collected(subject, receiver, mark))
        second = _contents(collected(subject, receiver, mark))
        for before, after in zip(first, second, strict=False):
            if changed := set(after) ^ set(before):
                raise SAME_AGAIN.broken(f"the second time this differed: {min(changed)}")
        if len(first) != len(second):
            raise SAME_AGAIN.broken(f"it gave {len(first)} batches, and then {len(second)}")


def check_given_stays_fixed(subject: Subject) -> None:
    with subject.running() as receiver:
        mark = present_mark(receiver.emit_interval)
        batches = collected(subject, receiver, mark - receiver.emit_interval)
        before = _contents(batches)
        collected(subject, receiver, mark)
        if _contents(batches) != before:
            raise FIXED.broken("the next `collect` changed the batch of the mark before")


def check_without_start(subject: Subject) -> None:
    receiver = subject.build()
    mark = present_mark(receiver.emit_interval)
    batches = collected(subject, receiver, mark, "without start")
    if not sum(map(count_points, batches)):
        raise COLLECTS.broken("without start it gives no point")
    subject.end(receiver)


def check_after_shutdown(subject: Subject) -> None:
    with subject.running() as receiver:
        mark = present_mark(receiver.emit_interval)
        collected(subject, receiver, mark - receiver.emit_interval)
        subject.end(receiver)
        collected(subject, receiver, mark, "after shutdown")


def check_failing_source(subject: Subject) -> None:
    if subject.failing is None:
        return
    with subject.running(subject.failing) as receiver:
        mark = present_mark(receiver.emit_interval)
        collected(subject, receiver, mark, "of a source that fails", SHORT)
        if not (isinstance(receiver.failure, str) and receiver.failure.strip()):
            raise SAYS_WHY.broken(f"of the source that fails it says {receiver.failure!r}")


def check_shutdown_while_asking(subject: Subject) -> None:
    if subject.failing is None:
        return
    with subject.running(subject.failing) as receiver:
        mark = present_mark(receiver.emit_interval)
        begun(lambda: list(receiver.collect(mark)))
        time.sleep(UNDER_WAY)
        subject.shutdown(receiver, "while it collects", timeout_millis=SHORT * 1000)


def _contents(batches: list[MetricsData]) -> list[list[Any]]:
    return [sorted(content(checked(one, "collect"))) for one in batches]


OF_RECEIVERS = (
    check_answers,
    check_stamps,
    check_same_again,
    check_given_stays_fixed,
    check_without_start,
    check_after_shutdown,
    check_failing_source,
    check_shutdown_while_asking,
)
