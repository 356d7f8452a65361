"""OAuth2 client credentials against real servers: one that issues tokens, one that wants them."""

from __future__ import annotations

import json
import logging
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from http_recording import Elsewhere, failure_of
from hypothesis import given
from hypothesis import strategies as st
from token_server import CLIENT, SECRET, TokenServer, block, refusal

from otel_kubecost.http.config import HTTPOptions, OAuth2
from otel_kubecost.http.failure import HTTPFailure
from otel_kubecost.http.oauth2 import ClientCredentials
from otel_kubecost.http.session import HTTPClient, Response
from otel_kubecost.testing import HttpServer, Reply

pytestmark = pytest.mark.timeout(30)


class Resource(HttpServer):
    """Wants the tokens in ``accepted``, all where that is None."""

    def __init__(self, *accepted: str) -> None:
        super().__init__(self._serve)
        self.accepted = accepted

    def _serve(self, request) -> Reply:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return Reply(200 if not self.accepted or token in self.accepted else 401, b"body")

    @property
    def tokens(self) -> list[str]:
        return [request.headers["Authorization"] for request in self.requests]


def test_a_token_is_fetched_once_and_used_until_it_ends(client):
    """The first request fetches it; GET and POST, with it, need no other."""
    with TokenServer() as issuer, Resource() as resource:
        used = client(oauth2=block(issuer, scopes=["read", "write"]))
        assert issuer.requests == []
        assert used.get(resource.url).status == 200
        assert used.post(resource.url, b"data").status == 200
    assert resource.tokens == ["Bearer token-1"] * 2
    [request] = issuer.requests
    assert (request.method, dict(request.query)) == ("POST", {"hidden": "1"})
    assert issuer.forms == [{"grant_type": "client_credentials", "scope": "read write"}]
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_more_parameters_go_with_the_request_for_a_token(client):
    """``endpoint_params`` are sent as they are, and may name the grant."""
    with TokenServer() as issuer, Resource() as resource:
        parameters = {"audience": "https://api/", "grant_type": "their own"}
        client(oauth2=block(issuer, endpoint_params=parameters)).get(resource.url)
    assert issuer.forms == [parameters]


def test_a_server_that_wants_the_secret_in_the_body_gets_it_there(client):
    """Both ways of RFC 6749, 2.3.1 are tried, and the one that worked is remembered."""
    with TokenServer(in_body=True) as issuer, Resource("token-2") as resource:
        used = client(oauth2=block(issuer))
        assert used.get(resource.url).status == 200
    assert ["client_secret" in form for form in issuer.forms] == [False, True, True]
    assert issuer.forms[1] == {
        "grant_type": "client_credentials",
        "client_id": CLIENT,
        "client_secret": SECRET,
    }
    assert resource.tokens == ["Bearer token-1", "Bearer token-2"]


def test_a_refused_token_is_fetched_again_once(client):
    """After a 401 the request is sent again with a new token, body and all; the next goes on."""
    with TokenServer() as issuer, Resource("token-1") as resource:
        used = client(oauth2=block(issuer))
        assert used.get(resource.url).status == 200
        resource.accepted = ("token-2",)
        assert used.post(resource.url, b"data") == used.post(resource.url, b"data")
    assert [request.body for request in resource.requests] == [b"", b"data", b"data", b"data"]
    assert resource.tokens == [f"Bearer token-{n}" for n in (1, 1, 2, 2)]


def test_a_401_that_a_new_token_does_not_mend_is_the_answer(client):
    """Two refusals are the peer's word: no third request, no endless fetching."""
    with TokenServer() as issuer, Resource("nobody's") as resource:
        answer = client(oauth2=block(issuer)).get(resource.url)
    assert (answer.status, answer.body) == (401, b"body")
    assert (len(resource.requests), issuer.issued) == (2, 2)


def test_a_401_without_oauth2_is_the_answer_at_once(client):
    """There is nothing new to say with a password."""
    with Resource("nobody's") as resource:
        basic = {"username": "u", "password": "p"}
        assert client(basic_auth=basic).get(resource.url).status == 401
    assert len(resource.requests) == 1


def test_a_new_secret_in_the_file_is_used_at_once(client, tmp_path):
    """A rotated secret fetches a new token, whatever the old one was good for."""
    secret = tmp_path / "secret"
    secret.write_text("old\n")
    with TokenServer(secret="old") as issuer, Resource() as resource:
        used = client(oauth2=block(issuer, client_secret_file=str(secret)))
        used.get(resource.url)
        issuer.secret = "newer"
        secret.write_text("newer\n")
        used.get(resource.url)
        used.get(resource.url)
    assert resource.tokens == [f"Bearer token-{n}" for n in (1, 2, 2)]


def test_a_missing_secret_is_named(client, tmp_path):
    """Nothing is asked of anybody without it."""
    with TokenServer() as issuer, Resource() as resource:
        used = client(oauth2=block(issuer, client_secret_file=str(tmp_path / "gone")))
        failure = failure_of(used, resource.url)
    assert "gone of oauth2.client_secret_file cannot be read" in str(failure)
    assert issuer.requests == resource.requests == []


def test_tokens_come_over_tls_of_their_own(client, authority):
    """``oauth2.tls_config`` is for ``token_url``, and the peer's is not; a failure says which."""
    with TokenServer(tls=authority.issue("127.0.0.1")) as issuer, Resource() as resource:
        ca = {"ca_file": str(authority.ca_file)}
        failure = failure_of(client(oauth2=block(issuer), tls_config=ca), resource.url)
        assert (failure.kind, resource.requests) == ("tls", [])
        assert str(failure).startswith("no token of oauth2: the server's certificate comes from")
        assert failure.hint == "name that CA in oauth2.tls_config.ca_file"
        assert client(oauth2=block(issuer, tls_config=ca)).get(resource.url).status == 200


def test_tokens_come_through_their_own_proxy(client):
    """``oauth2.proxy_url`` is asked for the token, with its whole URL, and for nothing else."""
    with TokenServer() as proxy, Resource() as resource:
        oauth2 = block(proxy, token_url="http://login.invalid/token", proxy_url=proxy.url)
        assert client(oauth2=oauth2).get(resource.url).status == 200
    assert [request.headers["Host"] for request in proxy.requests] == ["login.invalid"]


@pytest.mark.parametrize(
    ("reply", "words", "hint"),
    [
        (refusal(401, "invalid_client"), "401 invalid_client", "client_id and its secret"),
        (refusal(400, "invalid_scope"), "400 invalid_scope", "oauth2.scopes"),
        (refusal(400, "unauthorized_client"), "400 unauthorized_client", "allow this client"),
        (refusal(400, f"no {SECRET}"), "answered 400 (", "token_url"),
        (Reply(403, b"<html>"), "answered 403 (", "client_id and its secret"),
        (Reply(404), "answered 404 (", "token_url"),
        (Reply(302, headers={"Location": "http://elsewhere/"}), "answered 302 (", "redirects"),
        (Reply(503), "answered 503 (", "asked again"),
        (Reply(200, b"<html>login</html>"), "none is in the answer", "JSON"),
        (Reply(200, b"{}"), "none is in the answer", "JSON"),
        (Reply(200, b'{"access_token": ""}'), "none is in the answer", "JSON"),
        (Reply(200, b'{"access_token": {"a": 1}}'), "none is in the answer", "JSON"),
        (Reply(200, b"[" * 50_000), "none is in the answer", "JSON"),
        (
            Reply(200, b'{"access_token": "t", "token_type": "mac"}'),
            "no bearer token",
            "issue bearer tokens",
        ),
        (Reply(200, '{"access_token": "tokén"}'.encode()), "cannot be sent", "one line of ASCII"),
    ],
)
def test_no_token_says_why(client, reply, words, hint):
    """The peer is not asked; status, code and remedy are named, no foreign text is repeated."""
    with TokenServer() as issuer, Resource() as resource:
        issuer.script([reply, reply])
        failure = failure_of(client(oauth2=block(issuer)), resource.url)
    assert (failure.kind, resource.requests) == ("other", [])
    assert words in str(failure)
    assert hint in failure.hint
    for secret in ("hunter2", "hidden", "tokén"):
        assert secret not in str(failure) + failure.hint


def test_a_redirect_gets_neither_secret_nor_token(client):
    """Case 46: wherever the server of tokens wants to send the client, or the peer does."""
    with Elsewhere() as other, TokenServer() as issuer, Resource() as resource:
        for redirect in other.redirects:
            issuer.script([redirect])
            assert "redirects" in failure_of(client(oauth2=block(issuer)), resource.url).hint
        assert resource.requests == []
        resource.script(other.redirects)
        used = client(oauth2=block(issuer))
        statuses = [used.post(resource.url, b"data").status for _ in other.redirects]
    assert statuses == [301, 302, 303, 307, 308]
    assert other.heard == []


def test_what_is_wrong_behind_a_wrong_way_is_said(client):
    """A server that wants the secret in the body says there what it has against the request."""
    with TokenServer() as issuer, Resource() as resource:
        issuer.script([refusal(401, "invalid_client"), refusal(400, "invalid_scope")])
        failure = failure_of(client(oauth2=block(issuer)), resource.url)
    assert "400 invalid_scope" in str(failure)


def test_a_server_of_tokens_that_recovers_is_asked_again(client):
    """A failure is not remembered: the next request tries again."""
    with TokenServer() as issuer, Resource() as resource:
        issuer.script([Reply(503)])
        used = client(oauth2=block(issuer))
        assert "503" in str(failure_of(used, resource.url))
        assert used.get(resource.url).status == 200


def test_fetching_a_token_is_part_of_the_requests_time(client):
    """A token server that hangs is a time-out of the request, and says whose."""
    with TokenServer() as issuer, Resource() as resource:
        issuer.script([Reply(hang=True)])
        used = client(oauth2=block(issuer), timeout="300ms")
        failure = failure_of(used, resource.url)
    assert failure.kind == "timeout"
    assert re.match(r"no token of oauth2: no whole answer within 0\.\d s", str(failure))


def test_a_server_of_tokens_that_is_not_there_is_named(client):
    """The failure has its address, not the peer's."""
    with TokenServer() as issuer:
        oauth2 = block(issuer)
    with Resource() as resource:
        failure = failure_of(client(oauth2=oauth2), resource.url)
    assert failure.kind == "refused"
    assert f"({issuer.url}/token)" in str(failure)


def test_threads_share_one_token(client):
    """Eight requests at once fetch one token, and one more when all of them are refused."""
    with TokenServer() as issuer, Resource() as resource, ThreadPoolExecutor(8) as pool:
        used = client(oauth2=block(issuer))
        barrier = threading.Barrier(8)

        def ask(_) -> int:
            barrier.wait()
            return used.get(resource.url).status

        assert set(pool.map(ask, range(8))) == {200}
        assert issuer.issued == 1
        resource.accepted = ("token-2",)
        assert set(pool.map(ask, range(8))) == {200}
    assert issuer.issued == 2


def test_nothing_secret_is_logged(client, caplog):
    """Neither secret nor token is in any line, however much is logged."""
    caplog.set_level(logging.DEBUG, logger="otel_kubecost")
    with TokenServer(access_token="hunter3") as issuer, Resource() as resource:
        issuer.script([Reply(503)])
        used = client(oauth2=block(issuer))
        failure_of(used, resource.url)
        assert used.get(resource.url).status == 200
    text = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert "Fetched a token" in text
    assert "hunter" not in text


# The life of a token, on a clock of the test.


class Issuer:
    """Grants tokens whose life is given, without a server."""

    def __init__(self, **fields) -> None:
        self.now = 1000.0
        self.fields = fields
        self.count = 0
        options = {"client_id": "c", "client_secret": "s", "token_url": "http://issuer/"}
        self.tokens = ClientCredentials(
            OAuth2.model_validate(options), self._post, lambda: self.now
        )

    def _post(self, url, body, headers, *, timeout) -> Response:
        self.count += 1
        granted = {"access_token": f"t{self.count}", **self.fields}
        return Response(200, {}, json.dumps(granted).encode())

    def at(self, seconds: float) -> str:
        self.now = 1000.0 + seconds
        return self.tokens.token(1)


@pytest.mark.parametrize(
    ("lifetime", "last", "over"),
    [(3600, 3589.9, 3590), ("300", 289.9, 290), (20, 9.9, 10), (4, 1.9, 2), (0.5, 0.2, 0.25)],
)
def test_a_token_is_renewed_before_it_ends(lifetime, last, over):
    """Ten seconds before, or at half of a short life: a request has that time to arrive."""
    issuer = Issuer(expires_in=lifetime)
    assert [issuer.at(when) for when in (0, last, over, over + 0.1)] == ["t1", "t1", "t2", "t2"]


@pytest.mark.parametrize("lifetime", [None, 0, -5, "", "soon", [], 10**400, float("nan")])
def test_a_token_whose_end_is_not_known_is_used_until_it_is_refused(lifetime):
    """Servers need not say how long it lives."""
    issuer = Issuer(expires_in=lifetime)
    assert [issuer.at(0), issuer.at(1e9)] == ["t1", "t1"]
    issuer.tokens.forget("t1")
    assert issuer.at(1e9) == "t2"


def test_a_refusal_that_comes_late_costs_nothing():
    """A token that was exchanged meanwhile is forgotten already."""
    issuer = Issuer()
    assert issuer.at(0) == "t1"
    issuer.tokens.forget("t1")
    assert issuer.at(0) == "t2"
    issuer.tokens.forget("t1")
    assert issuer.at(0) == "t2"


def test_a_server_that_gives_the_same_token_again_is_not_asked_for_ever():
    """One fetch for one refusal."""
    issuer = Issuer(access_token="same")
    issuer.at(0)
    issuer.tokens.forget("same")
    assert [issuer.at(1), issuer.at(2), issuer.count] == ["same", "same", 2]


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["access_token", "token_type", "expires_in", "error"]), inner, max_size=4
    ),
).map(lambda value: json.dumps(value).encode()), st.sampled_from([200, 400, 401, 500]))  # fmt: skip
def test_whatever_a_server_answers_is_a_token_or_a_failure(body, status):
    """Foreign answers never raise anything else."""
    options = {"client_id": "c", "client_secret": "s", "token_url": "http://issuer/"}
    tokens = ClientCredentials(
        OAuth2.model_validate(options), lambda *_, **__: Response(status, {}, body)
    )
    with suppress(HTTPFailure):
        assert tokens.token(1)
        assert status == 200


# The block in a configuration.

WHOLE = {"client_id": "c", "client_secret": "hunter2", "token_url": "https://login/token"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"client_secret": None}, "give one of client_secret and client_secret_file"),
        ({"client_secret_file": "/s"}, "only one"),
        ({"client_id": ""}, "client_id"),
        ({"token_url": "login/token"}, "with its scheme"),
        ({"token_url": "https://u:hunter2@login/token"}, "credentials do not belong in the URL"),
        ({"endpoint_params": {"scope": "x"}}, "scope is not for endpoint_params; use scopes"),
        ({"endpoint_params": {"client_secret": "hunter2"}}, "use client_secret_file"),
        ({"proxy_url": "hunter2"}, "http://host:port"),
        ({"tls_config": {"cert_file": "/c"}}, "key_file"),
        ({"scopes": "read"}, "scopes"),
    ],
)
def test_a_block_that_cannot_work_is_refused(change, words):
    """The message names the remedy and repeats no secret."""
    given_block = {name: value for name, value in (WHOLE | change).items() if value is not None}
    with pytest.raises(ValueError, match=r"\w") as caught:
        HTTPOptions.model_validate({"oauth2": given_block})
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "other",
    [
        {"basic_auth": {"username": "u", "password": "p"}},
        {"authorization": {"credentials": "t"}},
        {"bearer_token_file": "/t"},
        {"api_key_file": "/k"},
    ],
    ids=str,
)
def test_oauth2_excludes_every_other_way(other):
    """A request has one header Authorization."""
    with pytest.raises(ValueError, match="exclude each other; keep one"):
        HTTPOptions.model_validate({"oauth2": WHOLE, **other})


def test_no_secret_of_the_block_is_in_its_text():
    """Neither the secret nor parameters that may be one."""
    options = HTTPOptions.model_validate(
        {"oauth2": {**WHOLE, "endpoint_params": {"password": "hunter2"}}}
    )
    assert "hunter2" not in repr(options)
    assert isinstance(HTTPClient(options), HTTPClient)
