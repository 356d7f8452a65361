"""What holds for processors."""

from __future__ import annotations

from functools import partial
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.errors import RetryableError
from otel_kubecost.pdata import each_metric, nanoseconds
from otel_kubecost.testing.contract.batches import BATCHES, COLUMNS, LISTS, costs
from otel_kubecost.testing.contract.content import content
from otel_kubecost.testing.contract.rules import OWN_TIME, SAME_AS_LISTS, TAKES_ALL, UNCHANGED
from otel_kubecost.testing.contract.shape import checked
from otel_kubecost.testing.contract.subject import AT_ONCE, Subject, present_mark

_INTERVAL = 60
"""Seconds between the marks of the batches."""


def check_takes_all(subject: Subject) -> None:
    processor, mark = subject.build(), present_mark(_INTERVAL)
    for number, (what, batch) in enumerate(BATCHES.items()):
        given = batch(mark + number * _INTERVAL)
        before = content(given)
        _processed(subject, processor, given, what)
        if content(given) != before:
            raise UNCHANGED.broken(f"{what} were changed")


def check_columns_and_lists(subject: Subject) -> None:
    mark = present_mark(_INTERVAL)
    columns, lists = (
        set(content(_processed(subject, subject.build(), BATCHES[what](mark), what)))
        for what in (COLUMNS, LISTS)
    )
    if differing := columns ^ lists:
        raise SAME_AS_LISTS.broken(f"this is in one of the two alone: {min(differing)}")


def check_several_threads(subject: Subject) -> None:
    processor, mark = subject.build(), present_mark(_INTERVAL)
    times = [mark - number * _INTERVAL for number in range(AT_ONCE)]
    calls = [partial(_called, processor, costs(at)) for at in times]
    what = f"one of {AT_ONCE} calls at the same time"
    for at, given in zip(times, subject.at_once(TAKES_ALL, what, calls), strict=True):
        _check_time(checked(given, what), at)


def _check_time(batch: MetricsData, at: float) -> None:
    for _, _, metric in each_metric(batch):
        for point in metric.data.data_points:
            if point.time_unix_nano != nanoseconds(at):
                found = f"{metric.name} of the batch of {at:.0f} is of"
                raise OWN_TIME.broken(f"{found} {point.time_unix_nano / 1e9:.3f}")


def _processed(subject: Subject, processor: Any, batch: MetricsData, what: str) -> MetricsData:
    given = subject.call(TAKES_ALL, f"called with {what} it", lambda: _called(processor, batch))
    return checked(given, f"called with {what} it")


def _called(processor: Any, batch: MetricsData) -> Any:
    try:
        return processor(batch)
    except RetryableError:
        return MetricsData([])  # it refuses the batch for now, which it may


OF_PROCESSORS = (check_takes_all, check_columns_and_lists, check_several_threads)
