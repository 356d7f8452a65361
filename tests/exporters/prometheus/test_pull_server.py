"""The HTTP side of the page."""

import gzip
import http.client
import socket

import pytest

from otel_kubecost.exporters.prometheus.config import Address
from otel_kubecost.exporters.prometheus.page import Page
from otel_kubecost.exporters.prometheus.server import MAX_CONNECTIONS, MetricsServer
from otel_kubecost.exporters.series.model import Family, Sample, ScopeFamilies, Series, Type

FAMILY = Family("m", Type.GAUGE, [Series((("__name__", "m"), ("a", "é")), (Sample(1, 2.0),))])
TEXT = '# TYPE m gauge\nm{a="é"} 2\n'.encode()


@pytest.fixture
def server():
    page = Page([ScopeFamilies(("scope",), [FAMILY])])
    running = MetricsServer(Address("127.0.0.1", 0), lambda: page)
    yield running
    running.close()


def ask(server, method, path, headers=()):
    """Status, headers and body, with nothing decoded."""
    connection = http.client.HTTPConnection(*server.address, timeout=9)
    connection.request(method, path, headers=dict(headers))
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers, body


def raw(server, request):
    """All that the server sends until it closes."""
    with socket.create_connection(server.address, timeout=9) as client:
        client.sendall(request)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_the_page_has_the_formats_content_type(server):
    """GET /metrics is the text format 0.0.4 in UTF-8, whatever the query."""
    for path in ("/metrics", "/metrics?name[]=x"):
        status, headers, body = ask(server, "GET", path)
        assert (status, body) == (200, TEXT)
        assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert "Content-Encoding" not in headers


@pytest.mark.parametrize("accepted", ["gzip", "deflate, gzip;q=0.5", "gzip, identity;q=0"])
def test_gzip_is_used_when_asked_for(server, accepted):
    """Whoever takes gzip gets gzip of the same text."""
    _, headers, body = ask(server, "GET", "/metrics", {"Accept-Encoding": accepted})
    assert headers["Content-Encoding"] == "gzip"
    assert int(headers["Content-Length"]) == len(body)
    assert gzip.decompress(body) == TEXT


@pytest.mark.parametrize("accepted", ["identity", "br", "gzip;q=0", "gzip; q=0.0, br"])
def test_gzip_is_not_used_otherwise(server, accepted):
    """Whoever does not take gzip, or refuses it, gets plain text."""
    _, headers, body = ask(server, "GET", "/metrics", {"Accept-Encoding": accepted})
    assert "Content-Encoding" not in headers
    assert body == TEXT


def test_the_front_page_links_to_the_metrics(server):
    """Somebody with a browser finds the way."""
    status, headers, body = ask(server, "GET", "/")
    assert status == 200
    assert headers["Content-Type"].startswith("text/html")
    assert b'href="/metrics"' in body


@pytest.mark.parametrize("path", ["/metric", "/metrics/", "/../etc/passwd", "*"])
def test_anything_else_is_not_there(server, path):
    """There are two pages; the answer for others names the right one."""
    status, _, body = ask(server, "GET", path)
    assert status == 404
    assert b"/metrics" in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
def test_other_methods_are_refused(server, method):
    """Nothing can be written; the answer says which methods there are."""
    status, headers, _ = ask(server, method, "/metrics")
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"


def test_head_is_get_without_a_body(server):
    """HEAD gives the length of the page and not the page."""
    answer = raw(server, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")
    assert f"\r\nContent-Length: {len(TEXT)}\r\n".encode() in answer


def test_a_connection_ends_with_its_answer(server):
    """The server closes: no idle client holds one of its places."""
    answer = raw(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.endswith(TEXT)
    assert b"\r\nConnection: close\r\n" in answer


def test_connections_are_bounded(server):
    """Of more clients than there are places the last is closed, and served when one leaves."""
    silent = [socket.create_connection(server.address, timeout=9) for _ in range(MAX_CONNECTIONS)]
    with socket.create_connection(server.address, timeout=9) as one_more:
        assert one_more.recv(1) == b""
    for client in silent:
        client.close()
    while True:
        try:
            status, _, body = ask(server, "GET", "/metrics")
            break
        except (ConnectionError, http.client.RemoteDisconnected):
            continue  # the server has not yet noticed that the others left
    assert (status, body) == (200, TEXT)


def test_nonsense_does_not_end_the_server(server):
    """Bytes that are no HTTP, and a client that leaves at once, harm nobody else."""
    for nonsense in (b"\x16\x03\x01\x00\r\n\r\n", b"GET\r\n\r\n", b""):
        with socket.create_connection(server.address, timeout=9) as client:
            client.sendall(nonsense)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
    assert ask(server, "GET", "/metrics")[2] == TEXT


def test_ipv6_is_served():
    """An address in brackets is an IPv6 one."""
    page = Page([])
    server = MetricsServer(Address("::1", 0), lambda: page)
    assert ask(server, "GET", "/metrics")[0] == 200
    server.close()
