"""What each answer of an OTLP receiver means."""

import json

import pytest
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from otlp_data import PROTOBUF, refusing

from otel_kubecost.exporters.otlp_http.answers import TABLE, verdict_on
from otel_kubecost.exporters.sending.retry import Action
from otel_kubecost.http.session import Response

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
JSON = "application/json"


def verdict(status, body=b"", kind=PROTOBUF, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return verdict_on(Response(status, {"Content-Type": kind, **named}, body), 10, NOW)


@pytest.mark.parametrize(
    ("action", "statuses"),
    [
        (Action.DONE, [200, 202, 204]),
        (Action.HOLD, [301, 302, 307, 308, 401, 403, 404, 405, 407, 415]),
        (Action.SPLIT, [413]),
        (Action.RETRY, [408, 429, 500, 502, 503, 504]),
        (Action.ISOLATE, [400, 402, 409, 410, 422]),
    ],
)
def test_what_each_status_means(action, statuses):
    """The table of the docstring over the shared one: 409 and 422 are of other protocols."""
    assert {status: verdict(status).action for status in statuses} == dict.fromkeys(
        statuses, action
    )


def test_no_word_of_another_protocol():
    """Whoever sends OTLP reads nothing of remote write, and nothing of a product."""
    said = " ".join(f"{row.message} {row.hint} {row.everywhere} {row.unsaid}" for row in TABLE)
    assert not any(word in said for word in ("remote write", "CloudTuner", "max_samples"))
    assert "/v1/metrics" in verdict(404).hint
    assert "4317" in verdict(415).hint


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_receiver_says_when(status):
    """Retry-After, in seconds or as a date, stands instead of the backoff."""
    assert verdict(status, Retry_After="7").retry_after == 7
    assert verdict(status, Retry_After="Tue, 14 Nov 2023 22:13:50 GMT").retry_after == 30
    assert verdict(status).retry_after is None


def json_partial(**fields):
    return json.dumps({"partialSuccess": fields}).encode()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (refusing(3, "too many attributes").body, PROTOBUF),
        (json_partial(rejectedDataPoints="3", errorMessage="too many attributes"), JSON),
        (json_partial(rejectedDataPoints=3, errorMessage="too many attributes"), JSON),
        (
            b'{"partial_success":{"rejected_data_points":3,"error_message":"too many attributes"}}',
            f"{JSON}; charset=utf-8",
        ),
    ],
)
def test_what_was_not_stored_is_counted(body, kind):
    """In either encoding; the request is settled and the receiver's reason is quoted."""
    found = verdict(200, body, kind)
    assert (found.action, found.reason, found.refused) == (
        Action.DONE, "partly_stored", {"refused": 3},
    )  # fmt: skip
    assert "'too many attributes'" in found.message
    assert not found.conflict


def test_points_that_are_there_already_are_a_conflict():
    """Mimir and Prometheus say so in words of their own; with two agents that is in order."""
    found = verdict(200, refusing(2, "the sample is out of order sample").body)
    assert (found.refused, found.conflict) == ({"out_of_order": 2}, True)
    assert found.hint


@pytest.mark.parametrize("message", ["", "use fewer attributes"])
def test_no_point_refused_is_a_warning_at_most(message):
    """A message alone is something to say of what was stored."""
    found = verdict(200, refusing(0, message).body)
    assert (found.action, found.refused) == (Action.DONE, {})
    assert found.written == (10 if message else 0)
    assert bool(found.message) is bool(message)
    assert message in found.message


UNREADABLE = [
    b"",
    b"\x0a\xff",
    b"\x08",
    b"{",
    b"[" * 9000,
    b'{"partialSuccess": 1}',
    b'{"partialSuccess": {"rejectedDataPoints": "1e999"}}',
    b'{"partialSuccess": {"rejectedDataPoints": -1}}',
]


@pytest.mark.parametrize("body", UNREADABLE)
@pytest.mark.parametrize("kind", [PROTOBUF, JSON, ""])
def test_a_success_that_cannot_be_read_is_one(body, kind):
    """Its status has said it."""
    assert verdict(200, body, kind).action is Action.DONE


def test_a_login_page_is_no_success():
    """A proxy for single sign-on answers 200 as well; what waits is kept."""
    found = verdict(200, b"<html>Sign in</html>", "text/html")
    assert (found.action, found.retry_after) == (Action.HOLD, 60)
    assert "web page" in found.message
    assert "Sign in" not in found.message


@pytest.mark.parametrize("length", range(40, 70))
def test_no_length_makes_a_page_of_an_answer(length):
    """One of 60 bytes begins with a newline and a <, as a page may."""
    found = verdict(200, refusing(3, "x" * length).body)
    assert (found.action, found.refused) == (Action.DONE, {"refused": 3})


@pytest.mark.parametrize(
    ("status", "body", "action"),
    [
        (200, b'{"partialSuccess": {"errorMessage": "\\ud800"}}', Action.DONE),
        (400, b'{"message": "\\ud800"}', Action.ISOLATE),
        (503, b'{"message": "\\ud800"}', Action.RETRY),
    ],
)
def test_a_message_that_is_no_text_costs_nothing(status, body, action):
    """JSON may have half a surrogate pair; to raise here would drop the request."""
    assert verdict(status, body, JSON).action is action


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (Status(code=3, message="bad name").SerializeToString(), PROTOBUF),
        (b'{"code": 3, "message": "bad name"}', JSON),
        (b"bad name", "text/plain"),
    ],
)
def test_a_refusal_is_quoted(body, kind):
    """Of a google.rpc.Status its message, of anything else the text."""
    assert verdict(400, body, kind).message.endswith("(400): 'bad name'")


def test_a_refusal_for_one_point_is_known_by_its_words():
    """Inside of a Status as well: Prometheus' endpoint for OTLP says the same as its others."""
    status = Status(code=3, message="out of bounds").SerializeToString()
    assert verdict(400, status).reason == "out_of_order"


@given(st.integers(100, 999), st.binary(max_size=300), st.sampled_from([PROTOBUF, JSON, ""]))
def test_every_answer_has_a_verdict_fit_for_a_log(status, body, kind):
    """No answer raises, and no word holds a control character."""
    found = verdict(status, body, kind)
    assert found.message or 200 <= status <= 299
    assert found.message.isprintable()
    assert len(found.message) < 1500
    assert all(count > 0 for count in found.refused.values())
