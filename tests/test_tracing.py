"""Spans of our own: nothing without an SDK, no secret in them, none where the host wants none."""

import subprocess
import sys

import pytest
from opentelemetry import context, trace
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.trace import SpanKind, StatusCode
from recorded_spans import recorded_spans, texts

from otel_kubecost.errors import ScrapeError
from otel_kubecost.tracing import answered, request_span, root_span, version


@pytest.fixture
def spans():
    with recorded_spans() as ended:
        yield ended


def test_a_span_is_of_this_package_in_this_version(spans):
    """A host finds them by the name of their scope."""
    with root_span("scrape", {"one": 1}):
        pass
    (span,) = spans()
    assert (span.name, dict(span.attributes)) == ("scrape", {"one": 1})
    assert (span.instrumentation_scope.name, span.instrumentation_scope.version) == (
        "otel_kubecost",
        version(),
    )


def test_roots_have_no_parent_and_requests_have_them(spans):
    """A thread of ours may have begun in the midst of something of the host's."""
    with (
        trace.get_tracer("host").start_as_current_span("startup"),
        root_span("scrape", {}),
        request_span("GET", "http://kubecost/model/allocation"),
    ):
        pass
    request, scrape, startup = spans()
    assert scrape.parent is None
    assert request.parent.span_id == scrape.context.span_id
    assert startup.context.trace_id != scrape.context.trace_id == request.context.trace_id


def test_where_instrumentation_is_suppressed_there_are_no_spans(spans):
    """What a host's own exporter makes us do is not told to that exporter."""
    token = context.attach(context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        with root_span("scrape", {}) as root, request_span("GET", "http://kubecost/") as request:
            assert not root.is_recording()
            assert not request.is_recording()
    finally:
        context.detach(token)
    assert spans() == ()


def test_a_request_tells_whom_it_went_to_and_what_came_of_it(spans):
    """In the words of OpenTelemetry's conventions for HTTP."""
    parameters = {"window": "1d", "aggregate": "cluster,namespace"}
    with request_span("GET", "https://kubecost.example.com/model/allocation", parameters) as span:
        answered(span, 200)
    (span,) = spans()
    assert (span.name, span.kind) == ("GET /model/allocation", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "server.address": "kubecost.example.com",
        "server.port": 443,
        "url.full": "https://kubecost.example.com/model/allocation"
        "?window=1d&aggregate=cluster%2Cnamespace",
    }


def test_a_refusal_is_an_error(spans):
    """From 400 on, as for every client."""
    with request_span("GET", "http://kubecost:9090/") as span:
        answered(span, 503)
    (span,) = spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "503"
    assert span.attributes["server.port"] == 9090


def test_nothing_secret_of_a_url_is_in_a_span(spans):
    """Neither its query nor its credentials; the parameters are those that we make."""
    url = "http://user:pa55word@kubecost:9090/model?token=5ecret#fragment"
    with request_span("GET", url, {"window": "1d"}):
        pass
    (span,) = spans()
    assert span.attributes["url.full"] == "http://kubecost:9090/model?window=1d"
    assert "pa55word" not in texts(spans())
    assert "5ecret" not in texts(spans())


def test_an_error_of_ours_is_told_and_of_others_only_its_name(spans):
    """Our sentences are written for logs; what others say may quote a header."""
    for error in (ScrapeError("no answer; raise timeout"), ValueError("Bearer 5ecret is odd")):
        with pytest.raises(type(error)), request_span("GET", "http://kubecost/"):
            raise error
    ours, other = spans()
    assert ours.status.description == "no answer; raise timeout"
    assert ours.attributes["error.type"] == "ScrapeError"
    assert (other.status.status_code, other.status.description) == (StatusCode.ERROR, None)
    assert other.attributes["error.type"] == "ValueError"
    assert ours.events == other.events == ()
    assert "5ecret" not in texts(spans())


LATER = """
from opentelemetry import trace
from otel_kubecost.tracing import root_span
with root_span("before", {}) as span:
    assert not span.is_recording()
import sys
assert "opentelemetry.sdk.trace" not in sys.modules
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
with root_span("after", {}) as span:
    assert span.is_recording()
"""


def test_a_host_may_set_up_its_sdk_after_us():
    """Nothing of the SDK is imported before, and spans are recorded from then on."""
    subprocess.run([sys.executable, "-c", LATER], check=True)
