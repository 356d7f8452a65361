from __future__ import annotations

import gzip
import os
import socket
import time
import zlib
from contextlib import suppress

import pytest
from http_recording import Elsewhere, Recording, failure_of
from opentelemetry import context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from urllib3.connectionpool import HTTPConnectionPool

from otel_kubecost.http.session import HTTPFailure
from otel_kubecost.testing import Reply

pytestmark = pytest.mark.timeout(30)


def test_a_get_gives_status_headers_and_body(client):
    """A GET sends parameters and gives the whole answer, headers without regard to case."""
    with Recording(Reply(203, b"fine", headers={"X-Kind": "test"})) as server:
        answer = client().get(f"{server.url}/a", {"window": "1 h", "b": "ü"})
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (203, b"fine", "test")
    assert dict(server.requests[0].query) == {"window": "1 h", "b": "ü"}
    assert server.requests[0].headers["User-Agent"].startswith("otel-kubecost/")
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


def test_a_post_sends_the_body_with_its_length(client):
    """A POST has Content-Length, never chunks, and the headers of the call and of the options."""
    with Recording() as server:
        client(headers={"X-Tenant": "acme"}).post(server.url, b"\x00body", {"X-Call": "1"})
    request = server.requests[0]
    assert request.method == "POST"
    assert request.body == b"\x00body"
    assert request.headers["Content-Length"] == "5"
    assert "Transfer-Encoding" not in request.headers
    assert (request.headers["X-Tenant"], request.headers["X-Call"]) == ("acme", "1")


def test_a_head_gives_status_and_headers(client):
    """Whatever length the answer claims, no body is waited for."""
    with Recording(Reply(405, b"not allowed", headers={"X-Kind": "test"})) as server:
        answer = client().head(f"{server.url}/a")
    assert (answer.status, answer.body, answer.headers["x-kind"]) == (405, b"", "test")
    assert "GMT" in answer.headers["Date"]


def test_connections_are_kept(client, speak):
    """Request after request goes over one connection."""
    connections = []

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        while connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    used = client()
    url = f"http://127.0.0.1:{speak(serve)}/"
    assert [used.get(url).body for _ in range(3)] == [b"ok"] * 3
    assert used.post(url, b"").body == b"ok"
    used.close()
    assert len(connections) == 1


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(client):
    """A keep-alive connection that is gone costs no request."""
    server, used = Recording(), client()
    with server:
        used.get(server.url)
    with server:
        assert used.get(server.url).status == 200


def test_a_request_that_meets_the_end_of_a_kept_connection_is_sent_again(client, speak):
    """A server that closes a connection as it is used again costs no request either."""
    lengths = []

    def serve_once(connection: socket.socket) -> None:
        lengths.append(len(connection.recv(65536)))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        connection.recv(1)  # the rest of the second request is unread: it is reset

    used = client()
    url = f"http://127.0.0.1:{speak(serve_once)}/"
    assert [used.get(url).body, used.post(url, b"x" * 9).body, used.get(url).body] == [b"ok"] * 3
    assert len(lengths) == 3


@pytest.mark.parametrize("beginning", [b"", b"HTTP/1.1 20"], ids=["fresh", "begun"])
def test_no_other_request_is_sent_again(client, speak, beginning):
    """Not on a new connection, and not where an answer began: that is a failure to report."""
    requests = []

    def serve(connection: socket.socket) -> None:
        if beginning:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        requests.append(connection.recv(65536))
        connection.sendall(beginning)

    used = client()
    url = f"http://127.0.0.1:{speak(serve)}/"
    if beginning:
        used.get(url)
    assert failure_of(used, url).kind == "reset"
    assert len(requests) == 1


def test_interim_answers_are_skipped(client, speak):
    """103 (Early Hints) and the like announce the answer and are none."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        for status in (100, 103, 102, 103):
            connection.sendall(f"HTTP/1.1 {status} Wait\r\nLink: x\r\n\r\n".encode())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")

    answer = client().post(f"http://127.0.0.1:{speak(serve)}/", b"")
    assert (answer.status, answer.body, "Link" in answer.headers) == (200, b"fine", False)


def test_a_switch_of_protocols_is_final(client, speak):
    """What follows 101 is no HTTP, so nothing is waited for."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        connection.recv(1)

    assert client().get(f"http://127.0.0.1:{speak(serve)}/").status == 101


def test_interim_answers_without_end_are_a_timeout(client, speak):
    """They buy no time."""

    def flood(connection: socket.socket) -> None:
        connection.recv(65536)
        while True:
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100)

    port = speak(flood)
    assert failure_of(client(timeout="300ms"), f"http://127.0.0.1:{port}/").kind == "timeout"


@pytest.mark.parametrize("arguments", [("get",), ("head",), ("post", b"body")], ids=str)
def test_redirects_are_not_followed(client, arguments):
    """Case 46: a redirect is an answer: nothing, and no credential, goes where it leads."""
    method, *body = arguments
    with Elsewhere() as other, Recording() as server:
        used = client(basic_auth={"username": "u", "password": "p"}, headers={"X-Tenant": "acme"})
        for redirect in other.redirects:
            server.reply = redirect
            answer = getattr(used, method)(server.url, *body)
            assert (answer.status, answer.headers["Location"]) == (
                redirect.status,
                redirect.headers["Location"],
            )
    assert other.heard == []
    assert len(server.requests) == (0 if method == "head" else len(other.redirects))


def test_a_redirect_with_a_huge_body_is_not_swallowed_whole(client):
    """The limit on answers holds for redirects too."""
    with Recording(Reply(302, b"x" * 200_000, headers={"Location": "/x"})) as server:
        assert failure_of(client(max_wire_bytes=1000), server.url).kind == "too_large"


def test_cookies_are_not_kept(client):
    """What a server wants to be remembered is forgotten."""
    with Recording(Reply(200, headers={"Set-Cookie": "session=1"})) as server:
        used = client()
        used.get(server.url)
        used.get(server.url)
    assert [request.headers["Cookie"] for request in server.requests] == [None, None]


def test_the_environment_decides_nothing(client, monkeypatch, tmp_path):
    """Neither ~/.netrc nor proxy variables nor CA bundles of the environment have an effect."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login thief password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent")
    with Recording() as server:
        assert client().get(server.url).status == 200
        client(basic_auth={"username": "u", "password": "p"}).get(server.url)
    sent = [request.headers["Authorization"] for request in server.requests]
    assert sent == [None, "Basic dTpw"]


def test_a_proxy_of_the_options_is_used(client):
    """``proxy_url`` takes the request, with the credentials that it holds for the proxy."""
    with Recording(Reply(200, b"by proxy")) as proxy:
        host = proxy.url.removeprefix("http://")
        used = client(proxy_url=f"http://user:pass@{host}")
        assert used.get("http://kubecost.invalid/model").body == b"by proxy"
    assert proxy.requests[0].headers["Proxy-Authorization"] == "Basic dXNlcjpwYXNz"
    assert proxy.requests[0].headers["Host"] == "kubecost.invalid"


def test_a_proxy_that_refuses_is_named_as_the_cause(client):
    """What a proxy does wrong is a failure of kind ``proxy``, without its credentials."""
    with Recording(Reply(403, b"no")) as proxy:
        host = proxy.url.removeprefix("http://")
        failure = failure_of(client(proxy_url=f"http://user:pass@{host}"), "https://a.invalid/")
    assert (failure.kind, "403" in str(failure)) == ("proxy", True)
    assert "pass" not in str(failure) + failure.hint
    assert failure_of(client(proxy_url=proxy.url), "http://a.invalid/").kind == "proxy"


def test_no_instrumentation_sees_the_requests(client, monkeypatch):
    """Telemetry about sending telemetry would never end: the SDK's suppression key is set."""
    seen, original = [], HTTPConnectionPool.urlopen

    def instrumented(pool, *args, **keywords):
        seen.append(context.get_value(_SUPPRESS_INSTRUMENTATION_KEY))
        return original(pool, *args, **keywords)

    monkeypatch.setattr(HTTPConnectionPool, "urlopen", instrumented)
    with Recording() as server:
        client().get(server.url)
    assert seen == [True]
    assert context.get_value(_SUPPRESS_INSTRUMENTATION_KEY) is None


# What goes wrong, each with a name of its own.


def test_a_host_without_a_name_is_a_dns_failure(client):
    """A name that nobody knows is said to be that."""
    failure = failure_of(client(), "http://kubecost.invalid:9090/model?token=secret")
    assert failure.kind == "dns"
    assert str(failure) == "the host name is not known (http://kubecost.invalid:9090/model)"
    assert failure.hint


def test_a_closed_port_is_a_refusal(client):
    """A port where nobody listens is said to be that."""
    with Recording() as server:
        url = server.url
    assert failure_of(client(), url).kind == "refused"


def test_a_host_that_drops_packets_is_a_timeout(client):
    """No answer to a connection attempt ends with the request's time."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(2)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        failure = failure_of(client(timeout="300ms"), f"http://127.0.0.1:{address[1]}/")
        for one in waiting:
            one.close()
    assert failure.kind == "timeout"
    assert str(failure).startswith("no connection within 0.3 s")


def test_a_server_that_says_nothing_is_a_timeout(client):
    """Silence ends with the request's time."""
    with Recording(Reply(hang=True)) as server:
        failure = failure_of(client(timeout="300ms"), server.url)
    assert failure.kind == "timeout"
    assert str(failure).startswith("no whole answer within 0.3 s")


def test_a_call_can_have_a_time_of_its_own(client):
    """``timeout`` of a call stands instead of the options'."""
    with Recording(Reply(hang=True)) as server:
        assert failure_of(client(timeout=3600), server.url, timeout=0.2).kind == "timeout"


def test_a_body_that_drips_is_a_timeout(client):
    """A byte now and then does not buy more time."""
    with Recording(Reply(200, b"x" * 100_000, drip=0.02)) as server:
        assert failure_of(client(timeout="300ms"), server.url).kind == "timeout"


def test_headers_that_drip_are_a_timeout(client, speak):
    """The deadline holds from the first byte of the status line on."""

    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        connection.settimeout(0.02)
        while True:
            connection.sendall(b"x")
            with suppress(TimeoutError):
                connection.recv(1)

    port = speak(drip)
    assert failure_of(client(timeout="300ms"), f"http://127.0.0.1:{port}/").kind == "timeout"


def test_a_server_that_reads_slowly_is_a_timeout(client, speak):
    """The deadline holds for what is sent, too."""

    def sip(connection: socket.socket) -> None:
        while connection.recv(65536):
            time.sleep(0.05)

    with pytest.raises(HTTPFailure) as caught:
        client(timeout="300ms").post(f"http://127.0.0.1:{speak(sip)}/", bytes(64 << 20))
    assert caught.value.kind == "timeout"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        b"220 smtp.example ESMTP\r\n",
    ],
    ids=["nothing", "half a header", "short body", "chunks without an end", "not HTTP"],
)
def test_an_answer_that_breaks_off_is_a_reset(client, speak, answer):
    """An answer that is not whole is never taken for a shorter one."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    assert failure_of(client(), f"http://127.0.0.1:{speak(serve)}/").kind == "reset"


def test_plain_http_on_an_https_url_is_said(client):
    """The scheme is the mistake, and the hint says so."""
    with Recording() as server:
        failure = failure_of(client(), server.url.replace("http:", "https:"))
    assert (failure.kind, "plain http" in failure.hint) == ("tls", True)


# Sizes and encodings.


def test_an_answer_beyond_the_limit_is_too_large(client):
    """Content-Length or not, no more than the limit is read."""
    with Recording(Reply(200, b"x" * 5000)) as server:
        assert client(max_wire_bytes=5000).get(server.url).status == 200
        assert failure_of(client(max_wire_bytes=4999), server.url).kind == "too_large"


def test_a_gzip_bomb_is_too_large(client):
    """A small body that unpacks to a huge one is stopped at the limit, in bounded memory."""
    bomb = gzip.compress(bytes(50 << 20))
    with Recording(Reply(200, bomb, headers={"Content-Encoding": "gzip"})) as server:
        assert failure_of(client(max_decoded_bytes=1 << 20), server.url).kind == "too_large"


@pytest.mark.parametrize(
    ("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
def test_a_compressed_answer_is_unpacked_though_not_asked_for(client, encoding, pack):
    """A server or proxy that compresses anyway is understood."""
    body = os.urandom(100_000) + bytes(100_000)
    with Recording(Reply(200, pack(body), headers={"Content-Encoding": encoding})) as server:
        assert client().get(server.url).body == body


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "gzip"])
def test_an_encoding_that_cannot_be_undone_is_a_failure(client, encoding):
    """Bytes that cannot be decoded are never handed on as the answer."""
    with Recording(Reply(200, b"garbage", headers={"Content-Encoding": encoding})) as server:
        assert failure_of(client(), server.url).kind == "other"


def test_chunks_come_while_the_server_still_sends(client, speak):
    """A stream gives what is there; it does not wait for a full buffer."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        connection.recv(1)  # the rest comes when the client has closed, and so never

    with client().open(f"http://127.0.0.1:{speak(serve)}/") as stream:
        assert stream.status == 200
        assert next(stream.chunks) == b"one"


def test_what_the_reader_of_a_stream_raises_is_left_alone(client):
    """Only the client's own trouble is a failure; a reader's error passes as it is."""
    with (
        Recording() as server,
        pytest.raises(ValueError, match="mine"),
        client().open(server.url) as stream,
    ):
        raise ValueError("mine", stream.status)


@pytest.mark.parametrize("reply", [Reply(200, b"x" * 100, cut_after=3), Reply(200, b"x" * 300_000)])
def test_a_post_is_judged_by_its_status(client, reply):
    """Once a write has its status, a body that breaks off or is endless cannot fail it."""
    with Recording(reply) as server:
        answer = client(max_wire_bytes=1000).post(server.url, b"data")
    assert answer.status == 200
    assert len(answer.body) < 70_000


def test_of_a_refusal_a_stream_has_its_beginning(client):
    """64 KiB say why; an error page without end is nobody's to read."""
    with Recording(Reply(500, b"x" * 300_000)) as server, client().open(server.url) as stream:
        assert sum(map(len, stream.chunks)) == 64 * 1024


def test_what_is_done_between_two_chunks_takes_none_of_the_time(client):
    """Who reads a large page slowly is not a server that is slow."""
    page = b"x" * 5_000_000
    with (
        Recording(Reply(200, page)) as server,
        client(max_wire_bytes=len(page), max_decoded_bytes=len(page)).open(
            server.url, timeout=0.5
        ) as stream,
    ):
        size = len(next(stream.chunks))
        time.sleep(0.6)
        assert size + sum(map(len, stream.chunks)) == len(page)
