"""A span for each attempt to send."""

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from recorded_spans import recorded_spans, texts
from sending_data import DONE, HOLD, RETRY, InstantClock, Letters, Receiver

from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.queue import SendingQueue
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.exporters.sending.store import MemoryStore
from otel_kubecost.exporters.sending.tracing import traced

ENDPOINT = "https://user:pa55word@mimir.example.com/api/v1/push?token=5ecret"


@pytest.fixture
def spans():
    with recorded_spans() as ended:
        yield ended


def sent(*verdicts, request=None):
    """What ``traced`` gives for each verdict of a receiver."""
    send = traced(Receiver(list(verdicts)).send, exporter="mimir", endpoint=ENDPOINT)
    return [send(request or Letters("abc"), attempt) for attempt in range(len(verdicts))]


def test_an_attempt_tells_what_was_offered_and_what_came_of_it(spans):
    """To whom, how much, for which time; the verdict goes on to the queue as it is."""
    assert sent(RETRY, DONE) == [RETRY, DONE]
    failed, done = spans()
    assert (done.name, done.kind) == ("send mimir", SpanKind.CLIENT)
    assert done.status.status_code is StatusCode.UNSET
    assert dict(done.attributes) == {
        "otelcol.component.kind": "exporter",
        "otelcol.component.id": "mimir",
        "server.address": "mimir.example.com",
        "server.port": 443,
        "url.full": "https://mimir.example.com/api/v1/push",
        "otel_kubecost.samples": 3,
        "otel_kubecost.bytes": 3,
        "otel_kubecost.attempt": 1,
        "otel_kubecost.verdict": "done",
    }
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.status.description == RETRY.message
    assert failed.attributes["otel_kubecost.verdict"] == "retry"
    assert failed.attributes["error.type"] == "status_503"


def test_what_was_refused_of_a_request_that_is_done_is_counted(spans):
    """A part of it is not stored, and the attempt is none to repeat."""
    sent(Verdict(Action.DONE, "partly_stored", refused={"duplicate": 1, "out_of_order": 1}))
    (span,) = spans()
    assert span.attributes["otel_kubecost.refused"] == 2
    assert span.status.status_code is StatusCode.UNSET


def test_samples_whose_time_has_not_come_are_no_error(spans):
    """Nothing is wrong with a request that waits."""
    sent(Verdict(Action.WAIT, "future", "samples lie ahead"))
    (span,) = spans()
    assert span.status.status_code is StatusCode.UNSET


def test_nothing_secret_is_in_the_span_of_an_attempt(spans):
    """The endpoint's query and credentials are not, nor what a defect quotes."""

    def breaks(request, attempt):
        raise RuntimeError("Authorization: Bearer 5ecret")

    sent(HOLD)
    with pytest.raises(RuntimeError):
        traced(breaks, exporter="mimir", endpoint=ENDPOINT)(Letters("a"), 0)
    assert spans()[1].attributes["error.type"] == "RuntimeError"
    assert "5ecret" not in texts(spans())
    assert "pa55word" not in texts(spans())


def test_attempts_of_a_queue_are_roots_each(spans):
    """The thread that sends was started by one batch and sends all others, too."""
    clock, receiver = InstantClock(1_790_000_000.0), Receiver([RETRY, RETRY])
    queue = SendingQueue(
        traced(receiver.send, exporter="mimir", endpoint=ENDPOINT),
        store=MemoryStore(100),
        clock=clock,
        episodes=Episodes(clock, exporter="mimir", endpoint="http://mimir"),
    )
    with trace.get_tracer("host").start_as_current_span("a request of the host"):
        tickets = queue.put_all([Letters("ab"), Letters("c")])
    assert all(ticket.wait(10) for ticket in tickets)
    assert queue.close(10)
    attempts = [span for span in spans() if span.name == "send mimir"]
    assert [span.attributes["otel_kubecost.attempt"] for span in attempts] == [0, 1, 2, 0]
    assert [span.parent for span in attempts] == [None] * 4
    assert len({span.context.trace_id for span in attempts}) == 4
