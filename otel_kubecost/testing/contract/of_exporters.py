"""What holds for exporters."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData

from otel_kubecost.component import QueuedExporter
from otel_kubecost.testing.contract.batches import BATCHES, COLUMNS, LISTS, costs
from otel_kubecost.testing.contract.content import content
from otel_kubecost.testing.contract.rules import (
    EXPORTS,
    FAILS,
    FLUSHES,
    IS_EXPORTER,
    QUEUES,
    SETTLES,
    SHUTS_DOWN,
    SUCCEEDS,
    UNCHANGED,
)
from otel_kubecost.testing.contract.subject import AT_ONCE, Subject, begun
from otel_kubecost.testing.contract.work import LONG, SHORT, UNDER_WAY, exported

_FAILURE = MetricExportResult.FAILURE
_LOOK_EVERY = 0.01


def check_is_exporter(subject: Subject) -> None:
    exporter = subject.build()
    if not isinstance(exporter, MetricExporter):
        raise IS_EXPORTER.broken(f"it is an object of type {type(exporter).__name__}")
    if not hasattr(exporter, "_preferred_temporality"):
        raise IS_EXPORTER.broken("it has no preferred temporality, not even None")


def check_exports(subject: Subject) -> None:
    with subject.running() as exporter:
        for what, batch in BATCHES.items():
            given = batch(subject.next_time())
            before = content(given)
            result = exported(subject, exporter, given, what)
            if not isinstance(result, MetricExportResult):
                raise EXPORTS.broken(f"export of {what} gave {result!r}")
            if content(given) != before:
                raise UNCHANGED.broken(f"{what} were changed")


def check_succeeds(subject: Subject) -> None:
    with subject.running() as exporter:
        for what in (COLUMNS, LISTS, "a batch without resources"):
            result = exported(subject, exporter, BATCHES[what](subject.next_time()), what)
            if result is _FAILURE:
                raise SUCCEEDS.broken(f"export of {what} gave {result!r}")


def check_without_start(subject: Subject) -> None:
    exporter = subject.build()
    result = exported(subject, exporter, costs(subject.next_time()), "costs without start")
    if result is _FAILURE:
        raise SUCCEEDS.broken(f"without start it gave {result!r}")
    subject.end(exporter)


def check_after_shutdown(subject: Subject) -> None:
    with subject.running() as exporter:
        subject.end(exporter)
        result = exported(subject, exporter, costs(subject.next_time()), "costs after shutdown")
        if result is not _FAILURE:
            raise FAILS.broken(f"after shutdown it gave {result!r}")


def check_several_threads(subject: Subject) -> None:
    with subject.running() as exporter:
        batches = [costs(subject.next_time(), f"check-{number}") for number in range(AT_ONCE)]
        calls = [partial(exporter.export, batch, LONG * 1000) for batch in batches]
        subject.at_once(EXPORTS, f"one of {AT_ONCE} calls at the same time", calls)


def check_sdk_shutdown(subject: Subject) -> None:
    """A reader of the SDK calls shutdown(timeout=...), with another word than its own interface."""
    with subject.running() as exporter:
        subject.call(SHUTS_DOWN, "shutdown(timeout=...)", lambda: exporter.shutdown(timeout=100.0))


def check_flushes(subject: Subject) -> None:
    with subject.running() as exporter:
        flushed = subject.call(
            FLUSHES, "force_flush", lambda: exporter.force_flush(timeout_millis=100)
        )
        if not isinstance(flushed, bool):
            raise FLUSHES.broken(f"it gave {flushed!r}")


def check_queue(subject: Subject) -> None:
    with subject.running() as exporter:
        if not isinstance(exporter, QueuedExporter):
            return
        for what, batch in BATCHES.items():
            _enqueue(subject, exporter, batch(subject.next_time()), what)
        subject.end(exporter)
        _enqueue(subject, exporter, costs(subject.next_time()), "costs after shutdown")


def _enqueue(subject: Subject, exporter: Any, batch: MetricsData, what: str) -> None:
    for stream in ("metrics", None):
        subject.call(QUEUES, f"enqueue of {what}", partial(exporter.enqueue, batch, stream))
    if not isinstance(exporter.oldest_pending, float | int | None):
        raise QUEUES.broken(f"oldest_pending is {exporter.oldest_pending!r}")
    if not isinstance(getattr(exporter, "has_room", True), bool):
        raise QUEUES.broken(f"has_room is {exporter.has_room!r}")
    if not isinstance(getattr(exporter, "partly_stored", 0), int):
        raise QUEUES.broken(f"partly_stored is {exporter.partly_stored!r}")


def check_settles(subject: Subject) -> None:
    with subject.running() as exporter:
        if not isinstance(exporter, QueuedExporter):
            return
        _enqueue(subject, exporter, costs(subject.next_time()), "costs")
        end = time.monotonic() + subject.patience
        while exporter.oldest_pending is not None and time.monotonic() < end:
            time.sleep(_LOOK_EVERY)
        if exporter.oldest_pending is not None:
            raise SETTLES.broken(f"it is {exporter.oldest_pending} after {subject.patience:g} s")


def check_failing_destination(subject: Subject) -> None:
    if subject.failing is None:
        return
    with subject.running(subject.failing) as exporter:
        result = exported(
            subject,
            exporter,
            costs(subject.next_time()),
            "costs to a destination that fails",
            SHORT,
        )
        if result is not _FAILURE:
            raise FAILS.broken(f"with a destination that fails it gave {result!r}")


def check_shutdown_while_sending(subject: Subject) -> None:
    if subject.failing is None:
        return
    with subject.running(subject.failing) as exporter:
        begun(lambda: exporter.export(costs(subject.next_time()), LONG * 1000))
        time.sleep(UNDER_WAY)
        subject.shutdown(exporter, "while it sends", timeout_millis=SHORT * 1000)


OF_EXPORTERS = (
    check_is_exporter,
    check_exports,
    check_succeeds,
    check_without_start,
    check_after_shutdown,
    check_several_threads,
    check_sdk_shutdown,
    check_flushes,
    check_queue,
    check_settles,
    check_failing_destination,
    check_shutdown_while_sending,
)
