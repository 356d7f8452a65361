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
    empty_set_error,
    error_code,
    gateway_timeout,
    gzipped,
    hang,
    idle_hangs,
    legacy_error,
    login_page,
    login_redirect,
    not_supported,
    saturated,
    spa_page,
    truncated_json,
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
        (Flavour.OPENCOST_UI, "/model/allocation/compute", 200, "application/json"),
        (Flavour.OPENCOST_UI, "/allocation", 200, "text/html"),
        (Flavour.KUBECOST_3, "/model/allocation", 200, "application/json"),
        (Flavour.KUBECOST_3_AGGREGATOR, "/allocation", 200, "application/json"),
        (Flavour.KUBECOST_3_AGGREGATOR, "/model/allocation", 404, "text/plain; charset=utf-8"),
        (Flavour.KUBECOST_2, "/model/assets/totals", 501, "text/html"),
        (Flavour.KUBECOST_2, "/model/nothing", 404, "text/plain; charset=utf-8"),
    ],
)
def test_paths_answer_as_in_the_product(flavour, path, status, kind):
    """Interfaces show their page on wrong paths with status 200; what has none says 404."""
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


@pytest.mark.parametrize(
    ("flavour", "etag", "vary"),
    [
        (Flavour.KUBECOST_1, '"1.108.1"', None),
        (Flavour.KUBECOST_2, '"2.4.0"', None),
        (Flavour.KUBECOST_2_AGGREGATOR, None, None),
        (Flavour.KUBECOST_3, '"3.2.0"', None),
        (Flavour.OPENCOST, None, "Origin"),
        (Flavour.OPENCOST_UI, '"1.96.0"', "Origin"),
    ],
)
def test_headers_are_those_of_the_product(flavour, etag, vary):
    """nginx adds an ETag to everything, OpenCost's server what says that anyone may ask."""
    with FakeKubecost(ANSWER, flavour=flavour) as kubecost:
        path = "/model/allocation" if flavour in ("opencost-ui", *INTERFACES) else "/allocation"
        for answer in (ask(kubecost, path), ask(kubecost, "/nothing")):
            assert (answer.headers.get("ETag"), answer.headers.get("Vary")) == (etag, vary)


INTERFACES = (Flavour.KUBECOST_1, Flavour.KUBECOST_2, Flavour.KUBECOST_3)


def test_pages_are_read_as_in_the_product():
    """Kubecost reads limit and offset with accumulate=true alone, OpenCost never."""
    page = {"limit": "5", "offset": "10"}
    with FakeKubecost(lambda query: [query.limit, query.offset]) as kubecost:
        assert ask(kubecost, accumulate="true", **page).json() == [5, 10]
        assert ask(kubecost, **page).json() == [0, 0]
        assert ask(kubecost, accumulate="true", limit="many").status_code == 400
        kubecost.flavour = Flavour.OPENCOST
        assert ask(kubecost, "/allocation", accumulate="true", **page).json() == [0, 0]


@pytest.mark.parametrize("flavour", Flavour)
def test_the_currency_is_said_where_the_product_says_it(flavour):
    """By the frontends of Kubecost 1 and 2; it can be another one from one moment to the next."""
    with FakeKubecost(ANSWER, flavour=flavour, currency="EUR") as kubecost:
        base = "" if "aggregator" in flavour or "opencost-1" in flavour else "/model"
        answer = ask(kubecost, f"{base}/getConfigs")
        if flavour not in {Flavour.KUBECOST_1, Flavour.KUBECOST_2}:
            assert answer.status_code == 404
            return
        assert answer.json()["data"]["currencyCode"] == "EUR"
        kubecost.currency = "INR"
        assert ask(kubecost, f"{base}/getConfigs").json()["data"]["currencyCode"] == "INR"


def test_assets_are_beside_the_allocations():
    """What they are can be said, as the answer can."""
    with FakeKubecost(ANSWER, assets=lambda query: {"data": query.start}) as kubecost:
        assert ask(kubecost, "/model/assets").json() == {"data": 1_767_225_600}
    with FakeKubecost(ANSWER, flavour=Flavour.OPENCOST) as opencost:
        assert ask(opencost, "/assets").json() == {"code": 200, "data": []}


def test_queries_with_idle_can_hang_and_no_others():
    """As on OpenCost without Prometheus."""
    with FakeKubecost(idle_hangs(ANSWER), flavour=Flavour.OPENCOST) as opencost:
        with pytest.raises(requests.exceptions.ReadTimeout):
            ask(opencost, "/allocation", timeout=0.2, includeIdle="true")
        assert ask(opencost, "/allocation").json() == ANSWER
        opencost.answer(idle_hangs(lambda query: [query.idle]))
        assert ask(opencost, "/allocation", includeIdle="false").json() == [False]


@pytest.mark.parametrize(
    ("fault", "status", "kind", "said"),
    [
        (login_page, 200, "text/html", 'type="password"'),
        (legacy_error, 200, "application/json", '"status": "error"'),
        (error_code, 200, "application/json", '"code": 500'),
        (empty_set_error, 500, "application/json", "has empty AssetSet in accumulation"),
        (saturated, 500, "application/json", "max concurrency semaphore"),
        (not_supported, 501, "text/html", "Aggregator does not support this endpoint."),
        (gateway_timeout, 504, "text/html", "<html>"),
    ],
)
def test_errors_are_those_of_the_products(fault, status, kind, said):
    """Status, type and words."""
    with FakeKubecost(ANSWER) as kubecost:
        kubecost.script([fault])
        answer = ask(kubecost)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, kind)
    assert said in answer.text


def test_json_can_end_early():
    """The body is whole for HTTP and not for JSON."""
    with FakeKubecost(ANSWER) as kubecost:
        kubecost.script([truncated_json])
        answer = ask(kubecost)
    assert json.dumps(ANSWER).startswith(answer.text)
    assert 10 < len(answer.text) < len(json.dumps(ANSWER))


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
