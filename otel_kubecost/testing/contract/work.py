"""A little of what each kind of component is there for, done as a pipeline does it."""

from __future__ import annotations

import time
from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.clock import Deadline
from otel_kubecost.component import Gathering, Kind, QueuedExporter
from otel_kubecost.foreign_batches import ForeignBatches
from otel_kubecost.pdata import count_points
from otel_kubecost.storage import Storage
from otel_kubecost.testing.contract.batches import costs
from otel_kubecost.testing.contract.rules import COLLECTS, EXPORTS, KEEPS
from otel_kubecost.testing.contract.subject import Subject, present_mark

LONG, SHORT = 5.0, 0.25
"""Seconds for a source or a destination that works, and for one that does not."""
UNDER_WAY = 0.05
"""Seconds after which a call on another thread has most likely come to its waiting."""
_LOOK_EVERY = 0.02


def collected(
    subject: Subject, receiver: Any, mark: float, what: str = "", seconds: float = LONG
) -> list[MetricsData]:
    """The batches of a mark."""
    called = f"collect({mark:.0f}, {seconds:g}) {what}".strip()
    return subject.call(COLLECTS, called, lambda: list(receiver.collect(mark, seconds)), seconds)


def answered(subject: Subject, receiver: Any, giving: Any = None) -> list[MetricsData]:
    """The batches of the present mark; of one that gathers, up to the first with points.

    ``giving`` is a tap of it, if it is not the receiver itself.
    """
    deadline = Deadline(LONG)
    batches: list[MetricsData] = []
    while True:
        batches += collected(subject, giving or receiver, present_mark(receiver.emit_interval))
        has_come = not isinstance(receiver, Gathering) or any(map(count_points, batches))
        if has_come or not deadline.left():
            return batches
        time.sleep(_LOOK_EVERY)


def exported(
    subject: Subject, exporter: Any, batch: MetricsData, what: str, seconds: float = LONG
) -> Any:
    """What ``export`` says, of a batch as a pipeline gives it."""
    called = f"export of {what}"
    given = batch if isinstance(exporter, QueuedExporter) else ForeignBatches(exporter).of(batch)
    return subject.call(EXPORTS, called, lambda: exporter.export(given, seconds * 1000), seconds)


def work(subject: Subject, component: Any) -> None:
    if subject.factory.kind is Kind.RECEIVER:
        answered(subject, component)
    elif subject.factory.kind is Kind.EXPORTER:
        exported(subject, component, costs(subject.next_time()), "costs")
    elif isinstance(component, Storage):
        client = component.client("check/work")
        subject.call(KEEPS, "set", lambda: client.set("key", b"value"))
