"""A scrape as OpenTelemetry sees it: one span, with a child for each query."""

import base64

import pytest
from opentelemetry.trace import StatusCode
from peers import free_port
from recorded_spans import recorded_spans, texts

from otel_kubecost.receivers.kubecost import KubecostReceiver
from otel_kubecost.receivers.kubecost.window import parse_time
from otel_kubecost.testing import FakeClock, FakeKubecost, gateway_timeout

NOW = parse_time("2026-11-23T11:47:00Z")
DAY = {"start": "2026-11-22T11:00:00Z", "end": "2026-11-23T11:00:00Z"}
WINDOW = f"{DAY['start']},{DAY['end']}"
COST = {**DAY, "totalCost": 24.0, "cpuCost": 24.0}
SHOP = {"code": 200, "data": [{"one/shop": COST, "one/web": COST}]}


@pytest.fixture
def spans():
    with recorded_spans() as ended:
        yield ended


def scrape(kubecost, **options):
    """The batches of one scrape by the receiver ``kubecost/prod``."""
    url = kubecost if isinstance(kubecost, str) else kubecost.url
    defaults = {"endpoint": url, "tenant_id": "t", "cluster_name": "c", "timeout": "2s"}
    receiver = KubecostReceiver(**defaults | options, name="kubecost/prod", clock=FakeClock(NOW))
    try:
        return list(receiver.collect(NOW))
    finally:
        receiver.shutdown()


def test_a_scrape_has_its_window_its_rows_and_its_queries(spans):
    """Every query is a child, with its parameters and the status of its answer."""
    with FakeKubecost(SHOP) as kubecost:
        scrape(kubecost)
    allocation, settings, whole = spans()
    assert (whole.name, whole.parent) == ("scrape kubecost/prod", None)
    assert dict(whole.attributes) == {
        "otelcol.component.kind": "receiver",
        "otelcol.component.id": "kubecost/prod",
        "kubecost.window": WINDOW,
        "kubecost.rows": 2,
        "kubecost.namespaces": 2,
        "otel_kubecost.outcome": "success",
    }
    assert [one.parent.span_id for one in (allocation, settings)] == [whole.context.span_id] * 2
    assert allocation.name == "GET /model/allocation"
    assert allocation.attributes["http.response.status_code"] == 200
    assert "aggregate=cluster%2Cnamespace" in allocation.attributes["url.full"]
    assert settings.name == "GET /model/getConfigs"


def test_a_scrape_that_fails_says_why(spans):
    """The query has the status, the scrape the sentence of the log, which has the remedy."""
    with FakeKubecost(SHOP) as kubecost:
        kubecost.script([gateway_timeout] * 9)
        scrape(kubecost, currency="USD")
    query, whole = spans()[-2:]
    assert query.attributes["http.response.status_code"] == 504
    assert query.attributes["error.type"] == "504"
    assert whole.attributes["otel_kubecost.outcome"] == "failure"
    assert whole.attributes["kubecost.window"] == WINDOW
    assert whole.status.status_code is StatusCode.ERROR
    assert "raise its timeout" in whole.status.description


def test_no_data_yet_is_no_error(spans):
    """A Kubecost that has just been installed is in order."""
    with FakeKubecost({"code": 200, "data": [{}]}) as kubecost:
        scrape(kubecost, currency="USD")
    whole = spans()[-1]
    assert whole.attributes["otel_kubecost.outcome"] == "no_data"
    assert whole.status.status_code is StatusCode.UNSET


def test_a_kubecost_that_is_not_there_is_an_error_of_both(spans):
    """There is no status then, and the sentence stands for it."""
    scrape(f"http://127.0.0.1:{free_port()}", currency="USD")
    query, whole = spans()
    assert "http.response.status_code" not in query.attributes
    assert query.status.description == whole.status.description
    assert "connection refused" in whole.status.description


def test_no_credential_is_in_the_spans_of_a_scrape(spans):
    """Neither as it was written nor as it was sent, also where the answer repeats it."""
    sent = base64.b64encode(b"kubecost:pa55word").decode()
    with FakeKubecost(SHOP) as kubecost:
        kubecost.script([(500, f'{{"message": "bad header Basic {sent}"}}')] * 9)
        auth = {"basic_auth": {"username": "kubecost", "password": "pa55word"}}
        scrape(kubecost, auth=auth, currency="USD")
        scrape(kubecost, auth=auth)
    assert len(spans()) > 3
    assert "pa55word" not in texts(spans())
    assert sent not in texts(spans())
