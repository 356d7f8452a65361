"""A little of what each kind of component is there for, done as a pipeline does it."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.component import Kind
from otel_kubecost.storage import Storage
from otel_kubecost.testing.contract.batches import costs
from otel_kubecost.testing.contract.rules import COLLECTS, EXPORTS, KEEPS
from otel_kubecost.testing.contract.subject import Subject, present_mark

LONG, SHORT = 5.0, 0.25
"""Seconds for a source or a destination that works, and for one that does not."""
UNDER_WAY = 0.05
"""Seconds after which a call on another thread has most likely come to its waiting."""


def collected(
    subject: Subject, receiver: Any, mark: float, what: str = "", seconds: float = LONG
) -> list[MetricsData]:
    """The batches of a mark."""
    called = f"collect({mark:.0f}, {seconds:g}) {what}".strip()
    return subject.call(COLLECTS, called, lambda: list(receiver.collect(mark, seconds)), seconds)


def exported(
    subject: Subject, exporter: Any, batch: MetricsData, what: str, seconds: float = LONG
) -> Any:
    """What ``export`` says."""
    called = f"export of {what}"
    return subject.call(EXPORTS, called, lambda: exporter.export(batch, seconds * 1000), seconds)


def work(subject: Subject, component: Any) -> None:
    if subject.factory.kind is Kind.RECEIVER:
        collected(subject, component, present_mark(component.emit_interval))
    elif subject.factory.kind is Kind.EXPORTER:
        exported(subject, component, costs(subject.next_time()), "costs")
    elif isinstance(component, Storage):
        client = component.client("check/work")
        subject.call(KEEPS, "set", lambda: client.set("key", b"value"))
