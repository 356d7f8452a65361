from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.exporters.sending.retry import (
    Action,
    backoff,
    classify,
    quote,
    retry_after,
)

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


def verdict(status: int, body: bytes = b"", **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return classify(status, named, body, NOW)


@pytest.mark.parametrize(
    ("action", "statuses"),
    [
        (Action.DONE, [200, 202, 204, 299, 409]),
        (Action.HOLD, [301, 302, 303, 307, 308, 401, 403, 404, 405, 407, 422]),
        (Action.SPLIT, [413]),
        (Action.RETRY, [408, 425, 429, 500, 502, 503, 504, 599]),
        (Action.DROP, [400, 402, 406, 410, 415, 418, 431, 451]),
    ],
)
def test_what_each_status_means(action, statuses):
    """The table of the module's docstring, status by status."""
    assert {status: verdict(status).action for status in statuses} == dict.fromkeys(
        statuses, action
    )


@given(st.integers(100, 999), st.binary(max_size=600), st.text(max_size=40))
def test_every_answer_has_a_verdict_fit_for_a_log(status, body, header):
    """No answer raises, only 2xx goes without a word, and no word holds a control character."""
    found = classify(status, {"Retry-After": header, "Location": header}, body, NOW)
    assert bool(found.message) is not (200 <= status <= 299)
    assert found.message.isprintable()
    assert len(found.message) < 1500


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "basic_auth.username"),
        (404, "/storage/api/v2/write"),
        (405, "/storage/api/v2/write"),
        (407, "proxy_url"),
        (422, "Cloud-Account-Id"),
        (400, "Cloud-Account-Id"),
        (302, "endpoint"),
    ],
)
def test_a_mistake_has_its_remedy(status, words):
    """What a user can mend names the option to look at."""
    assert words in verdict(status).hint


def test_held_data_is_offered_once_a_minute():
    """A wrong password is tried again slowly: after a rotation it may be right in a minute."""
    assert verdict(401).retry_after == 60
    assert verdict(422, Retry_After="5").retry_after == 60


def test_a_redirect_names_the_host_without_credentials():
    """The place it leads to helps to mend the endpoint; what it carries is nobody's business."""
    found = verdict(302, Location="https://u:secret@login.example/x?token=secret")
    assert "login.example" in found.message
    assert "secret" not in found.message + found.hint


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"duplicate sample for timestamp", "duplicate"),
        (b"out of order sample", "too_old"),
        (b"Out of bounds", "too_old"),
        (b"too old sample", "too_old"),
        (b"snappy: corrupt input", "refused"),
        (b"", "refused"),
    ],
)
def test_a_400_is_told_apart_by_what_it_says(body, reason):
    """It always costs the whole request; a conflict and lateness are booked as that."""
    found = verdict(400, body)
    assert (found.action, found.reason) == (Action.DROP, reason)
    assert "a whole request" in found.message
    assert body.decode() in found.message


@pytest.mark.parametrize(
    ("body", "words"), [(b"duplicate sample", "external_labels"), (b"out of order", "newer")]
)
def test_a_conflict_has_its_remedy(body, words):
    """Who is at fault is not in the answer: the hint says who it usually is."""
    assert words in verdict(400, body).hint


def test_what_a_receiver_says_is_quoted_on_one_line():
    """Control characters cannot reach a terminal, and a long text is cut."""
    assert quote({}, b"bad\n\x1b[31mlabel\x00") == "'bad  [31mlabel'"
    assert len(quote({}, b"x" * 9000)) == 258


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/html; charset=utf-8"}, b"The solution is currently being loaded"),
        ({}, b"\n <!DOCTYPE html><html>"),
    ],
)
def test_a_web_page_is_never_quoted(headers, body):
    """An ingress answers with HTML; that is said, not shown."""
    assert quote(headers, body) == "a web page"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("86400", 600),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
        ("Wed, 15 Nov 2023 22:14:20 GMT", 600),
        ("Tue, 14 Nov 2023 22:13:19 GMT", None),
        ("-5", None),
        ("1.5", None),
        ("\u0663", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value, seconds):
    """Both forms of RFC 9110 are honoured, ten minutes at most; anything else is ignored."""
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_receiver_says_when(status):
    """Retry-After stands instead of the backoff."""
    assert verdict(status, Retry_After="7").retry_after == 7
    assert verdict(status).retry_after is None


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_the_backoff_grows_and_stays_within_bounds(attempt, chance, other):
    """Each wait is 0.8 of the one before at least, never more than the maximum, never nothing."""
    this = backoff(attempt, random=lambda: chance)
    after = backoff(attempt + 1, random=lambda: other)
    assert 0.027 <= this <= 5.0
    assert after >= 0.8 * this


def test_the_backoff_doubles():
    """30 ms, 60 ms, 120 ms and so on, up to five seconds."""
    waits = [backoff(attempt, random=lambda: 0.0) for attempt in range(10)]
    assert waits[:3] == [0.03, 0.06, 0.12]
    assert waits[8:] == [5.0, 5.0]
