"""A span for every attempt to send: what was offered, and what came of it."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from otel_kubecost.exporters.sending.entry import R
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.tracing import (
    COMPONENT_ID,
    COMPONENT_KIND,
    ERROR_TYPE,
    failed,
    root_span,
    server_attributes,
)

_IN_ORDER = {Action.DONE, Action.WAIT}


def traced(
    send: Callable[[R, int], Verdict], *, exporter: str, endpoint: str
) -> Callable[[R, int], Verdict]:
    """The ``send`` of a queue, with a span around each attempt.

    The span is a root: it is made on a thread of the queue, long after the batch was taken, and
    its request may hold what several callers gave. Of ``endpoint`` it has no query.
    """
    name = f"send {exporter}"
    about = {COMPONENT_KIND: "exporter", COMPONENT_ID: exporter, **server_attributes(endpoint)}

    def attempt_to_send(request: R, attempt: int) -> Verdict:
        offered = {
            "otel_kubecost.samples": request.samples,
            "otel_kubecost.bytes": len(request.body),
            "otel_kubecost.attempt": attempt,
        }
        with root_span(name, {**about, **offered}, SpanKind.CLIENT) as span:
            try:
                verdict = send(request, attempt)
            except Exception as error:
                failed(span, error)
                raise
            _conclude(span, verdict)
            return verdict

    return attempt_to_send


def _conclude(span: Span, verdict: Verdict) -> None:
    span.set_attribute("otel_kubecost.verdict", verdict.action.value)
    if verdict.refused:
        span.set_attribute("otel_kubecost.refused", sum(verdict.refused.values()))
    if verdict.action not in _IN_ORDER:
        span.set_attribute(ERROR_TYPE, verdict.reason)
        span.set_status(Status(StatusCode.ERROR, verdict.message))
