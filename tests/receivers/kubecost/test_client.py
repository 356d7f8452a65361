"""The client against servers that refuse, mislead, and answer with too much."""

import gzip
import json

import pytest
from kubecost_asking import DAY, NAMESPACES, SHOP, client_of, queries

from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.receivers.kubecost.allocation import EmptySetError
from otel_kubecost.testing import (
    FakeClock,
    FakeKubecost,
    Flavour,
    HttpServer,
    Reply,
    SimulatedCluster,
    SimulatedKubecost,
    empty_set_error,
    empty_sets,
    error_code,
    gateway_timeout,
    gzipped,
    legacy_error,
    login_page,
    login_redirect,
    not_supported,
    null_sets,
    saturated,
    spa_page,
    truncated_json,
)

REMEDY = "Set receivers.kubecost.auth (basic_auth, bearer_token_file, api_key_file or oauth2)"


def refusal(fault, **options):
    """The message for ``fault`` at a path that had answered before."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost, **options) as client:
        client.allocations(DAY, NAMESPACES)
        kubecost.script([fault])
        with pytest.raises(ScrapeError) as raised:
            client.allocations(DAY, NAMESPACES)
    return str(raised.value)


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (401, "it answered 401"),
        (403, "it answered 403"),
        (login_redirect, "it answered 302, a redirect to /login"),
        (
            (307, {"Location": "https://sso.example.com/auth?token=secret"}),
            "it answered 307, a redirect to https://sso.example.com/auth.",
        ),
        (login_page, "it answered a login page"),
    ],
)
def test_a_login_is_an_error_of_authentication_with_its_remedy(fault, answer):
    """A status, a redirect and a form with status 200 are one mistake, and no data is invented;
    what the redirect's query has is not shown."""
    said = refusal(fault)
    assert f"Kubecost wants authentication: {answer}" in said
    assert REMEDY in said
    assert "aggregator's port 9004 or 9008" in said
    assert "secret" not in said


@pytest.mark.parametrize("fault", [401, 403, login_redirect, login_page])
def test_a_login_is_told_from_a_wrong_path_at_the_first_question(fault):
    """While the path is being looked for as well, on whichever path it stands."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost) as client:
        kubecost.script([fault] * 2)
        with pytest.raises(ScrapeError, match="wants authentication"):
            client.allocations(DAY, NAMESPACES)


def test_the_page_of_the_interface_is_a_wrong_path():
    """It has no form: the next path is tried, and without any the message names them all."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost) as client:
        kubecost.script([spa_page] * 2)
        with pytest.raises(ScrapeError, match="No allocation API found") as raised:
            client.allocations(DAY, NAMESPACES)
    assert str(raised.value).count("answered with an HTML page") == 2


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        ((429, {"Retry-After": "30"}), "raise collection_interval (it asks for 30 s of rest)"),
        (500, '500: Internal Server Error "scripted 500"'),
        (502, "is its pod running and ready?"),
        (503, "is its pod running and ready?"),
        (gateway_timeout, "Gateway Timeout; a proxy in front of Kubecost gave up waiting"),
        (599, "returned 599: unknown status"),
        (saturated, "returned 500: acquiring max concurrency semaphore: context canceled"),
        (legacy_error, "returned 500: error computing allocation"),
        (error_code, "returned 500: query failed"),
        (truncated_json, "not JSON of an allocation query"),
    ],
)
def test_an_error_says_what_it_means(fault, meaning):
    """The status, what the answer said of itself, and what can be done."""
    assert meaning in refusal(fault)


def test_what_the_product_does_not_have_is_looked_for_and_then_named():
    """501 is for good: the other paths are tried, and the message says what was answered."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost) as client:
        kubecost.script([not_supported] * 2)
        with pytest.raises(ScrapeError, match="answered 501: the product does not have it there"):
            client.allocations(DAY, NAMESPACES)


@pytest.mark.parametrize("fault", [null_sets, empty_sets])
def test_sets_without_rows_are_no_data(fault):
    """Hours that are not computed are no outage and no zero."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost) as client:
        kubecost.script([fault])
        with pytest.raises(NoDataError):
            client.allocations(DAY, NAMESPACES)


def test_opencosts_empty_set_is_an_error_of_its_own():
    """Unaccumulated, the steps that have data may still be had."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost) as client:
        kubecost.script([empty_set_error])
        with pytest.raises(EmptySetError):
            client.allocations(DAY, NAMESPACES)


def test_compression_is_taken_and_not_asked_for():
    """Within a cluster bytes are cheap; whoever compresses all the same is understood."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost) as client:
        kubecost.script([gzipped])
        assert client.allocations(DAY, NAMESPACES).measures["total_cost"][0] == 24.0
        assert kubecost.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("size", [0, 2**16, 2**19])
def test_a_large_answer_in_compressed_pieces_is_read_whole(size):
    """Up to the cap nothing is lost, whatever the size of the pieces."""
    rows = {f"one/{at:08}": {"totalCost": 1.0} for at in range(size // 64 + 1)}
    with FakeKubecost({"code": 200, "data": [rows]}) as kubecost, client_of(kubecost) as client:
        kubecost.script([gzipped])
        found = client.allocations(DAY, NAMESPACES)
        assert list(map("/".join, zip(*found.names, strict=True))) == list(rows)


def bomb(_):
    """Ten megabytes of spaces in ten kilobytes."""
    return gzipped(Reply(200, b" " * 10_000_000 + json.dumps(SHOP).encode(), "application/json"))


def large(_):
    return Reply(200, b" " * 2_000_000 + json.dumps(SHOP).encode(), "application/json")


@pytest.mark.parametrize(("fault", "what"), [(bomb, "decoded bytes"), (large, "bytes")])
def test_an_answer_beyond_the_cap_is_refused_while_it_arrives(fault, what):
    """Counted on the wire and after decompression, and the message says what helps."""
    assert len(bomb(None).body) < 100_000
    said = refusal(fault, max_body_bytes="1MiB")
    assert f"the answer has more than 1048576 {what}; ask for less" in said


def test_an_answer_below_the_cap_is_taken_whatever_it_decompresses_from():
    """The cap is on what has to be held, so that a well compressed answer passes."""
    body = gzip.compress(b" " * 500_000 + json.dumps(SHOP).encode())
    reply = Reply(200, body, "application/json", headers={"Content-Encoding": "gzip"})
    with FakeKubecost(reply) as kubecost, client_of(kubecost, max_body_bytes="1MiB") as client:
        assert len(client.allocations(DAY, NAMESPACES))


def test_a_secret_in_a_file_is_read_again(tmp_path):
    """A token that is renewed is used with the next question."""
    token = tmp_path / "token"
    token.write_text("old")
    auth = {"bearer_token_file": str(token)}
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost, auth=auth) as client:
        client.allocations(DAY, NAMESPACES)
        token.write_text("renewed")
        client.allocations(DAY, NAMESPACES)
        sent = [one.headers["Authorization"] for one in kubecost.requests]
    assert sent == ["Bearer old", "Bearer renewed"]


@pytest.mark.parametrize("flavour", Flavour)
def test_the_nodes_are_beside_the_allocations(flavour):
    """Under the path that was found, with the window and the nodes' filter."""
    simulated = SimulatedKubecost(SimulatedCluster(), FakeClock(DAY.end), flavour=flavour)
    with simulated as kubecost, client_of(kubecost) as client:
        client.allocations(DAY, NAMESPACES)
        data = json.loads(client.assets(DAY).body)["data"]
        asked = kubecost.requests[-1].query
    nodes = data[0] if isinstance(data, list) else data
    assert len(nodes) == 5
    assert all(node["type"] == "Node" for node in nodes.values())
    assert asked == {"window": str(DAY), "filter": 'assetType:"node"'}


def test_nodes_are_asked_for_after_allocations_alone():
    """Where the assets are, is known only with where the allocations are."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost) as client:
        with pytest.raises(ScrapeError, match="known only with"):
            client.assets(DAY)
        assert kubecost.requests == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (404, "No assets API found: http://127.0.0.1:.*/model/assets answered 404"),
        (spa_page, "No assets API found: .* answered with an HTML page"),
        (503, "returned 503"),
        (login_page, "wants authentication"),
    ],
)
def test_assets_that_cannot_be_had_say_why(fault, reason):
    """As allocations do."""
    with FakeKubecost(SHOP) as kubecost, client_of(kubecost) as client:
        client.allocations(DAY, NAMESPACES)
        kubecost.script([fault])
        with pytest.raises(ScrapeError, match=reason):
            client.assets(DAY)


def test_a_path_that_is_not_the_apis_has_no_siblings():
    """Behind a proxy's own path, what is beside it belongs to someone else."""
    with HttpServer(lambda _: Reply(200, json.dumps(SHOP).encode())) as server:
        with client_of(f"{server.url}/costs") as client:
            client.allocations(DAY, NAMESPACES)
            assert client.currency() is None
            with pytest.raises(ScrapeError, match="known only with"):
                client.assets(DAY)
        assert {request.path for request in server.requests} == {"/costs"}


def test_the_older_path_of_opencost_has_the_same_siblings():
    """``/allocation/compute`` is the same handler as ``/allocation``."""
    with FakeKubecost(SHOP, flavour=Flavour.OPENCOST) as opencost:
        with client_of(f"{opencost.url}/allocation/compute") as client:
            client.allocations(DAY, NAMESPACES)
            client.assets(DAY)
        assert [one.path for one in opencost.requests] == ["/allocation/compute", "/assets"]


def test_idle_is_asked_for_in_both_products_words_or_not_at_all():
    """Each reads its own; neither shares it unless it is told to."""
    with FakeKubecost(SHOP) as kubecost:
        for include in (True, False):
            with client_of(kubecost, include_idle=include) as client:
                client.allocations(DAY, NAMESPACES)
        asked = [(one["idle"], one["includeIdle"], one["shareIdle"]) for one in queries(kubecost)]
    assert asked == [("true", "true", "false"), ("false", "false", "false")]
