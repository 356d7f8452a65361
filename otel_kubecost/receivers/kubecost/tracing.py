"""The span of a scrape: which window, how many rows, what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import Span

from otel_kubecost.errors import NoDataError
from otel_kubecost.receivers.kubecost.scrape import Scrape
from otel_kubecost.receivers.kubecost.window import Window
from otel_kubecost.tracing import COMPONENT_ID, COMPONENT_KIND, failed, root_span

_WINDOW, _OUTCOME = "kubecost.window", "otel_kubecost.outcome"


@contextmanager
def scrape_span(receiver: str, window: Window) -> Iterator[Span]:
    """A span of the scrape that is made meanwhile; queries are its children.

    Its ``otel_kubecost.outcome`` is ``success``, ``no_data``, which is no error, or ``failure``.
    """
    about = {COMPONENT_KIND: "receiver", COMPONENT_ID: receiver, _WINDOW: str(window)}
    with root_span(f"scrape {receiver}", about) as span:
        try:
            yield span
        except NoDataError:
            span.set_attribute(_OUTCOME, "no_data")
            raise
        except Exception as error:
            span.set_attribute(_OUTCOME, "failure")
            failed(span, error)
            raise


def describe(span: Span, found: Scrape) -> None:
    """What a scrape has found, and in which window: it may be an earlier one than was planned."""
    span.set_attributes(
        {
            _OUTCOME: "success",
            _WINDOW: str(found.window),
            "kubecost.rows": found.rows,
            "kubecost.namespaces": found.namespaces,
        }
    )
