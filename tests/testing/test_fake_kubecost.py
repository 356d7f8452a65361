"""The scripted Kubecost."""

import gzip
import json

import pytest
import requests

from otel_kubecost.testing import (
    FakeKubecost,
    Flavour,
    Reply,
    cut_after,
    drip,
    gzipped,
    hang,
    login_redirect,
    spa_page,
)

ANSWER = {"code": 200, "data": [{"c/shop": {"name": "c/shop", "totalCost": 1.5}}]}
WINDOW = "2026-01-01T00:00:00Z,2026-01-01T01:00:00Z"


def ask(kubecost, path="/model/allocation", timeout=9, **parameters):
    return requests.get(
        kubecost.url + path,
        params={"window": WINDOW, "aggregate": "cluster,namespace", **parameters},
        timeout=timeout,
        allow_redirects=False,
    )


@pytest.mark.parametrize(
    ("flavour", "path", "status", "kind"),
    [
        (Flavour.KUBECOST, "/model/allocation", 200, "application/json"),
        (Flavour.KUBECOST, "/allocation", 200, "text/html"),
        (Flavour.OPENCOST, "/allocation", 200, "application/json"),
        (Flavour.OPENCOST, "/allocation/compute", 200, "application/json"),
        (Flavour.OPENCOST, "/model/allocation", 404, "text/plain; charset=utf-8"),
    ],
)
def test_paths_answer_as_in_the_product(flavour, path, status, kind):
    """Kubecost shows its page on wrong paths with status 200; OpenCost says 404."""
    with FakeKubecost(ANSWER, flavour=flavour) as kubecost:
        answer = ask(kubecost, path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, kind)
    assert (kind != "application/json") or answer.json() == ANSWER


@pytest.mark.parametrize(
    "window",
    [
        "2026-01-01T00:00:00.000Z,2026-01-01T01:00:00Z",
        "2026-01-01T00:00:00+00:00,2026-01-01T01:00:00+00:00",
        "2026-01-01T01:00:00Z,2026-01-01T00:00:00Z",
        "2026-13-01T00:00:00Z,2026-13-01T01:00:00Z",
        "24h",
        "",
    ],
)
def test_windows_that_are_not_whole_seconds_of_utc_are_refused(window):
    """Fractions, offsets, durations and windows that end before they start get the 400 text."""
    with FakeKubecost(ANSWER) as kubecost:
        answer = ask(kubecost, window=window)
    assert answer.status_code == 400
    assert answer.text == f"Invalid 'window' parameter: illegal window: {window}"


def test_recorded_bytes_are_served_as_they_are():
    """An answer given as bytes leaves byte for byte, valid or not."""
    with FakeKubecost(b'{"code":200,"data":[nul') as kubecost:
        assert ask(kubecost).content == b'{"code":200,"data":[nul'


def test_an_answer_can_be_changed_and_be_a_function():
    """A new answer is said from then on; a function sees the query as the product reads it."""
    with FakeKubecost(ANSWER) as kubecost:
        assert ask(kubecost).json() == ANSWER
        kubecost.answer(
            lambda query: [query.aggregate, query.end - query.start, query.idle, query.accumulate]
        )
        aggregate = ["cluster", "namespace"]
        assert ask(kubecost).json() == [aggregate, 3600, True, False]
        assert ask(kubecost, idle="false", accumulate="true").json() == [
            aggregate, 3600, False, True,
        ]  # fmt: skip


def test_opencost_has_idle_only_when_asked():
    """OpenCost reads includeIdle, false unless given, and not idle."""
    with FakeKubecost(lambda query: [query.idle], flavour=Flavour.OPENCOST) as kubecost:
        assert ask(kubecost, "/allocation", idle="true").json() == [False]
        assert ask(kubecost, "/allocation", includeIdle="true").json() == [True]


def test_requests_are_recorded():
    """Path, query and headers of each request are kept, those to wrong paths too."""
    with FakeKubecost(ANSWER) as kubecost:
        ask(kubecost)
        ask(kubecost, "/nowhere")
        first, second = kubecost.requests
    assert (first.path, first.query["aggregate"]) == ("/model/allocation", "cluster,namespace")
    assert "python-requests" in first.headers["user-agent"]
    assert second.path == "/nowhere"


def test_faults_hit_one_request_each_in_order():
    """A script is used up by requests, one a fault, and then the answer is back."""
    with FakeKubecost(ANSWER) as kubecost:
        kubecost.script(
            [503, (429, {"Retry-After": "7"}), Reply(502, b"<html>", "text/html"), login_redirect]
        )
        kubecost.script([spa_page, gzipped, drip(0.0001)])
        answers = [ask(kubecost) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [503, 429, 502, 302, 200, 200, 200, 200]
    assert answers[1].headers["Retry-After"] == "7"
    assert answers[2].headers["Content-Type"] == "text/html"
    assert answers[3].headers["Location"] == "/login"
    assert answers[4].text.startswith("<!doctype html>")
    assert answers[5].headers["Content-Encoding"] == "gzip"
    assert all(answer.json() == ANSWER for answer in answers[5:])


def test_answers_break_off_and_hang():
    """An answer may end in the middle of its body, or never begin."""
    with FakeKubecost(ANSWER) as kubecost:
        kubecost.script([cut_after(10), hang])
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            ask(kubecost)
        with pytest.raises(requests.exceptions.ReadTimeout):
            ask(kubecost, timeout=0.2)
        assert ask(kubecost).json() == ANSWER


@pytest.mark.parametrize(
    ("flavour", "path", "asked", "compressed"),
    [
        (Flavour.KUBECOST, "/model/allocation", "gzip", True),
        (Flavour.KUBECOST, "/model/allocation", "identity", False),
        (Flavour.OPENCOST, "/allocation", "gzip", False),
    ],
)
def test_long_answers_are_compressed_as_in_the_product(flavour, path, asked, compressed):
    """From 50 kB on Kubecost's nginx compresses for whoever accepts it; OpenCost never does."""
    long = json.dumps({"code": 200, "data": [{}], "message": "x" * 50_000}).encode()
    with FakeKubecost(long, flavour=flavour) as kubecost:
        answer = requests.get(
            kubecost.url + path,
            params={"window": WINDOW},
            headers={"Accept-Encoding": asked},
            stream=True,
            timeout=9,
        )
        raw = answer.raw.read()
        answer.close()
    assert (gzip.decompress(raw) if compressed else raw) == long
    assert ("Content-Encoding" in answer.headers) is compressed
