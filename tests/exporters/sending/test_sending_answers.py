"""What each answer means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.exporters.prometheus_remote_write.answers import TABLE, classify
from otel_kubecost.exporters.sending.answers import quote
from otel_kubecost.exporters.sending.retry import Action

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
        (Action.ISOLATE, [400, 402, 406, 410, 415, 418, 431, 451]),
    ],
)
def test_what_each_status_means(action, statuses):
    """The table of the module's docstring, status by status."""
    assert {status: verdict(status).action for status in statuses} == dict.fromkeys(
        statuses, action
    )


@given(st.integers(100, 999), st.binary(max_size=600), st.text(max_size=40) | st.just("//["))
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
    assert "another path" in verdict(302, Location="http://[").message
    for password in ("pa/ss", "12/ss", "p?a"):
        assert "another path" in verdict(302, Location=f"http://kube:{password}@h/").message


MIMIR = (
    b"the sample has been rejected because its timestamp is too old "
    b"(err-mimir-sample-timestamp-too-old). The affected sample has timestamp 1970-01-19T05:30:43Z"
)


@pytest.mark.parametrize(
    ("status", "body", "reason", "conflict"),
    [
        (400, b"duplicate sample for timestamp", "duplicate", True),
        (400, b"out of order sample", "out_of_order", True),
        (400, b"Out of bounds", "out_of_order", True),
        (500, b"too old sample", "out_of_order", True),
        (400, MIMIR, "out_of_order", True),
        (400, b"(err-mimir-sample-duplicate-timestamp)", "duplicate", True),
        (400, b"(err-mimir-sample-out-of-order)", "out_of_order", True),
        (500, b'label name "a" is not unique: invalid sample', "refused", False),
        (400, b"snappy: corrupt input", "refused", False),
        (400, b"out of order labels", "refused", False),
        (400, b"", "refused", False),
        (415, b"", "refused", False),
    ],
)
def test_a_refusal_is_told_apart_by_what_it_says(status, body, reason, conflict):
    """Case 42: in the words of Prometheus (2.42 says some with 500) and of Mimir. What may be for
    one series alone is looked into."""
    found = verdict(status, body)
    assert (found.action, found.reason) == (Action.ISOLATE, reason)
    assert found.conflict is conflict
    assert body.decode() in found.message


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"duplicate sample for timestamp", "external_labels"), (b"out of order sample", "newer")],
)
def test_a_conflict_has_its_remedy(body, words):
    """Who is at fault is not in the answer: the hint says who it usually is."""
    assert words in verdict(400, body).hint


PAGE = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("status", "action"), [(400, Action.ISOLATE), (500, Action.RETRY), (409, Action.DONE)]
)
def test_a_web_page_is_never_interpreted(status, action):
    """Whatever stands in it: a page is of something in between."""
    body = b"<html>add 7 samples: too old sample</html>"
    found = classify(status, PAGE, body, NOW)
    assert found.action is action
    assert found.reason not in {"out_of_order", "duplicate"}
    assert found.refused == {}


@pytest.mark.parametrize("status", [401, 403, 404, 413, 422, 429, 302, 200])
def test_other_answers_are_not_interpreted(status):
    """Their status says it all."""
    plain, wordy = verdict(status), verdict(status, b"duplicate sample for timestamp")
    assert (plain.action, plain.reason) == (wordy.action, wordy.reason)


@pytest.mark.parametrize(
    ("body", "refused", "conflict"),
    [
        (b"add 3 samples: out of order sample", {"out_of_order": 3}, True),
        (b"add 4 samples: duplicate sample for timestamp", {"duplicate": 4}, True),
        (
            b"2 errors: add 2 samples: out of bounds; add 4 samples: too old sample",
            {"out_of_order": 6},
            True,
        ),
        (
            b"a: add 3 samples: out of order sample; b: add 2 samples: out of order sample",
            {"out_of_order": 3},
            True,
        ),
        (b"add 5 series: label set contains a label with empty name", {"refused": 5}, False),
        (b"store locally: conflict: out of order sample", {}, True),
        (b"conflict", {}, False),
        (b"the cat sat on the mat", {}, False),
        (b"", {}, False),
    ],
)
def test_what_thanos_did_not_store_is_counted(body, refused, conflict):
    """Case 39: the rest is stored. Two replicas that say the same refused the same; faults of
    labels are nobody's conflict, and neither is what is said in other words."""
    found = verdict(409, body)
    assert (found.action, found.refused, found.conflict) == (Action.DONE, refused, conflict)


@given(st.binary(max_size=300))
def test_a_409_is_always_settled(body):
    """It counts what it can, and never less than nothing."""
    found = verdict(409, b"add 12345678901234567890 samples: x" + body)
    assert found.action is Action.DONE
    assert all(number > 0 for number in found.refused.values())


def test_the_table_has_a_row_for_every_answer():
    """Each reason is one word for a counter, and no row is hidden behind the others."""
    first = [next(row for row in TABLE if status in row.statuses) for status in range(1000)]
    assert {id(row) for row in first} == {id(row) for row in TABLE}
    assert all(" " not in row.reason for row in TABLE)


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


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503, 599])
def test_a_busy_receiver_says_when(status):
    """Case 41: Retry-After, in seconds or as a date, stands instead of the backoff."""
    assert verdict(status, Retry_After="7").retry_after == 7
    assert verdict(status, Retry_After="Tue, 14 Nov 2023 22:13:50 GMT").retry_after == 30
    assert verdict(status).retry_after is None


def test_a_5xx_that_says_when_is_no_fault_of_the_request():
    """Without that, it may be, when it comes again and again; 429 never is."""
    assert verdict(503).doubtful
    assert not verdict(503, Retry_After="7").doubtful
    assert not verdict(429).doubtful
