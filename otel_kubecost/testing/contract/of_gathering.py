"""What holds for receivers that gather between the marks."""

from __future__ import annotations

import time
from collections.abc import Iterable

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.clock import SystemClock
from otel_kubecost.component import Gathering
from otel_kubecost.pdata import count_points, each_metric, nanoseconds
from otel_kubecost.testing.contract.content import Line, content
from otel_kubecost.testing.contract.rules import GATHERS
from otel_kubecost.testing.contract.shape import checked
from otel_kubecost.testing.contract.subject import Subject, present_mark
from otel_kubecost.testing.contract.work import answered, collected

_MEANWHILE = 0.25
"""Seconds in which more comes, of a source that is asked often."""


def check_taps(subject: Subject) -> None:
    receiver = subject.build()
    if not isinstance(receiver, Gathering):
        return
    early, late = receiver.tap(), receiver.tap()
    subject.start(receiver)
    try:
        at_marks = answered(subject, receiver, early)
        _check_times(at_marks)
        time.sleep(_MEANWHILE)
    finally:
        subject.end(receiver)
    mark = present_mark(receiver.emit_interval)
    after_all = collected(subject, early, mark, "after shutdown")
    at_once = collected(subject, late, mark, "after shutdown")
    again = collected(subject, late, mark, "once more")
    _check_all(at_marks, after_all, at_once, again)


def _check_times(batches: Iterable[MetricsData]) -> None:
    now = nanoseconds(SystemClock().time())
    for batch in batches:
        for _, _, metric in each_metric(checked(batch, "collect")):
            for point in metric.data.data_points:
                if point.time_unix_nano > now:
                    raise GATHERS.broken(f"{metric.name} is ahead of the clock")


def _check_all(
    at_marks: list[MetricsData],
    after_all: list[MetricsData],
    at_once: list[MetricsData],
    again: list[MetricsData],
) -> None:
    if any(map(count_points, again)):
        raise GATHERS.broken("a tap that has given all gives it again")
    if not any(map(count_points, after_all)):
        raise GATHERS.broken("what came since the last mark is gone after `shutdown`")
    if _lines([*at_marks, *after_all]) != _lines(at_once):
        raise GATHERS.broken("two taps have not given the same")


def _lines(batches: Iterable[MetricsData]) -> list[Line]:
    """Points, with what they are part of; how they are spread over batches is nobody's concern."""
    return sorted(line for batch in batches for line in content(batch))


OF_GATHERING = (check_taps,)
