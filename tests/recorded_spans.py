"""What is traced while a test runs, kept in memory by an SDK of its own."""

from __future__ import annotations

from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


@contextmanager
def recorded_spans():
    """A function that gives the spans that have ended, in that order.

    A process can set its provider once; here one is put in that place, and what was there back.
    """
    memory, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    before, trace._TRACER_PROVIDER = trace._TRACER_PROVIDER, provider
    try:
        yield memory.get_finished_spans
    finally:
        trace._TRACER_PROVIDER = before
        provider.shutdown()


def texts(spans):
    """Everything that spans say, as one text: to search it for what must not be there."""
    return " ".join(one.to_json() for one in spans)
