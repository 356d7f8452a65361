"""Calls of exporters that others wrote: what each of them gets, and what whatever it does means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

from otel_kubecost.at_once import at_once
from otel_kubecost.clock import Deadline
from otel_kubecost.component import Exporter
from otel_kubecost.pdata import chunks, coalesced
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

GRACE = 1.0
"""Seconds that a component has beyond its time to come back from its shutdown."""


def export(
    exporter: Exporter,
    batch: MetricsData,
    timeout_millis: float = 10_000,
    *,
    quietly: bool = False,
) -> bool:
    """Whether ``exporter`` took ``batch``.

    One that raises did not, nor one that gives no result; which of the two is logged, unless
    ``quietly``.
    """
    name = type(exporter).__name__
    try:
        time = _time_for(exporter.export, timeout_millis, batch)
        result: object = exporter.export(batch, **time)
    except Exception:  # noqa: BLE001  foreign code: whatever it raises is one failed export
        if not quietly:
            _log.exception("An exporter raised", exporter=name)
        return False
    if not isinstance(result, MetricExportResult) and not quietly:
        hint = "its export() has to return a MetricExportResult"
        _log.error(f"{name} does not say whether it took a batch", exporter=name, hint=hint)
    return result is MetricExportResult.SUCCESS


def export_in_parts(
    exporter: Exporter,
    batch: MetricsData,
    timeout_millis: float = 10_000,
    *,
    quietly: bool = False,
) -> bool:
    """As ``export``, in calls that any exporter can take: see ``coalesced`` and ``chunks``.

    Each part has ``timeout_millis``. After one that was not taken the rest is not offered: the
    batch has failed then, and a destination that is gone would take as much time for each part.
    An exporter is not called at all for a batch without points.
    """
    parts = chunks(coalesced(batch))
    return all(export(exporter, part, timeout_millis, quietly=quietly) for part in parts)


def flush(exporter: Exporter, timeout_millis: float) -> None:
    """Let an exporter send what it has buffered, if it says that it has such a thing."""
    _end(exporter, "force_flush", timeout_millis)


def shut_down(component: Any, timeout_millis: float) -> None:
    """End ``component``, whatever its ``shutdown`` calls the time that it has."""
    _end(component, "shutdown", timeout_millis)


def within(deadline: Deadline, name: str, end: Callable[[], None]) -> None:
    """Call ``end`` of what goes by ``name``; if it does not come back in time, leave it behind."""
    if not at_once([end], lambda: deadline.left() + GRACE):
        _log.error(f"{name} does not come back from its shutdown and is left behind")


def _end(component: Any, method: str, timeout_millis: float) -> None:
    """Call it if it is there; what it raises is logged, and there is nobody to tell."""
    call = getattr(component, method, None)
    if call is None:
        return
    try:
        call(**_time_for(call, timeout_millis))
    except Exception:  # noqa: BLE001  foreign code, and the end of it
        name = type(component).__name__
        _log.exception(f"{name} did not shut down cleanly", step=method)


def _time_for(
    call: Callable[..., Any], timeout_millis: float, *arguments: object
) -> Mapping[str, float]:
    """The keyword by which ``call`` takes its time, beside ``arguments``; empty where it has none.

    The interface says ``timeout_millis``, the SDK's own reader calls ``shutdown(timeout=...)``,
    also in milliseconds, and some exporters take nothing. It is read from the signature: a
    TypeError would not tell whether the call or something in it went wrong.
    """
    for keywords in ({"timeout_millis": timeout_millis}, {"timeout": timeout_millis}):
        if _takes(call, *arguments, **keywords):
            return keywords
    return {}


def _takes(call: Callable[..., Any], *arguments: object, **keywords: object) -> bool:
    """What is compiled may not tell: it is called as the interface says."""
    try:
        signature(call).bind(*arguments, **keywords)
    except TypeError:
        return False
    except ValueError:
        return True
    return True
