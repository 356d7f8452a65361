"""Spans of our own, by OpenTelemetry's API: they land wherever the host process sends its own.

Where no SDK is set up a span is nothing that anybody keeps, and takes some ten microseconds. Of an
error a span has the sentence that the log has, which is free of secrets; of one that nobody
foresaw it has the name alone.
"""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias
from urllib.parse import urlencode, urlsplit

from opentelemetry import context, trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from otel_kubecost.errors import OtelKubecostError
from otel_kubecost.http.config import shown_url

Attributes: TypeAlias = Mapping[str, str | int | float | bool]

SCOPE = "otel_kubecost"
COMPONENT_ID, COMPONENT_KIND = "otelcol.component.id", "otelcol.component.kind"
"""As the Collector names whom its own telemetry is of."""
ERROR_TYPE = "error.type"


@contextmanager
def root_span(
    name: str, attributes: Attributes, kind: SpanKind = SpanKind.INTERNAL
) -> Iterator[Span]:
    """A span without a parent, whatever goes on in the host: our threads outlive its requests."""
    with _span(name, attributes, kind, Context()) as span:
        yield span


@contextmanager
def request_span(method: str, url: str, parameters: Attributes | None = None) -> Iterator[Span]:
    """A span of the request that is made meanwhile; ``answered`` tells it the status.

    Of ``url`` it has what a log may have: neither credentials nor a query. ``parameters`` are
    shown, so nothing secret may be among them. What is raised meanwhile makes it an error.
    """
    attributes = {"http.request.method": method, **server_attributes(url)}
    if parameters:
        attributes["url.full"] = f"{shown_url(url)}?{urlencode(parameters)}"
    with _span(f"{method} {urlsplit(url).path}", attributes, SpanKind.CLIENT) as span:
        try:
            yield span
        except Exception as error:
            failed(span, error)
            raise


def answered(span: Span, status: int) -> None:
    """A request was answered; what is no success is an error to who asked."""
    span.set_attribute("http.response.status_code", status)
    if status >= 400:
        span.set_attribute(ERROR_TYPE, str(status))
        span.set_status(Status(StatusCode.ERROR))


def failed(span: Span, error: BaseException) -> None:
    """What a span is about ended with ``error``."""
    text = str(error) if isinstance(error, OtelKubecostError) else None
    span.set_attribute(ERROR_TYPE, type(error).__name__)
    span.set_status(Status(StatusCode.ERROR, text))


def server_attributes(url: str) -> dict[str, str | int | float | bool]:
    """Whom a request to ``url`` goes to, without credentials and query."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {"server.address": parts.hostname or "", "server.port": port, "url.full": shown_url(url)}


@contextmanager
def _span(
    name: str, attributes: Attributes, kind: SpanKind, parent: Context | None = None
) -> Iterator[Span]:
    """None of it where the host wants no telemetry of what it does, as in its own exporters."""
    if context.get_value(_SUPPRESS_INSTRUMENTATION_KEY):
        yield trace.INVALID_SPAN
        return
    # Asked each time: the provider may be set up after us, and whoever has it keeps its tracers.
    tracer = trace.get_tracer(SCOPE, version())
    with tracer.start_as_current_span(
        name,
        context=parent,
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        yield span


@functools.cache
def version() -> str:
    return importlib.metadata.version("otel-kubecost")
