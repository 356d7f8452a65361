"""The server that every fake speaks through."""

import socket
import ssl
import threading
from http.client import HTTPConnection

import pytest
import requests
import trustme

from otel_kubecost.testing import HttpServer, Reply, TlsFiles
from otel_kubecost.testing import server as server_module


def echo(request):
    text = f"{request.method} {request.path} {request.query} {request.body.decode()}"
    return Reply(200, text.encode(), headers={"X-Agent": request.headers["user-agent"]})


def test_requests_and_replies_pass_unchanged():
    """Method, path, decoded query, headers and body reach the handler; its reply the client."""
    with HttpServer(echo) as server:
        answer = requests.put(
            f"{server.url}/a/b?x=1%2C2&y=&x=3",
            data="body",
            headers={"User-Agent": "t/1"},
            timeout=9,
        )
    assert answer.text == "PUT /a/b {'x': '3', 'y': ''} body"
    assert answer.headers["X-Agent"] == "t/1"


def test_requests_are_kept_and_counted(monkeypatch):
    """What was asked is there in its order, the newest of it; the count goes on."""
    monkeypatch.setattr(server_module, "KEPT_REQUESTS", 2)
    with HttpServer(echo) as server:
        for path in "abc":
            requests.get(f"{server.url}/{path}", timeout=9)
    assert [request.path for request in server.requests] == ["/b", "/c"]
    assert server.request_count == 3


def test_a_script_goes_before_the_handler():
    """Each fault meets one request: a refusal stands instead of the work, a function spoils it."""
    asked = []

    def work(request):
        asked.append(request.path)
        return Reply(200, b"done")

    with HttpServer(work) as server:
        server.script([503, lambda reply: Reply(200, reply.body * 2)])
        answers = [requests.get(f"{server.url}/{path}", timeout=9) for path in "abc"]
    assert [answer.status_code for answer in answers] == [503, 200, 200]
    assert [answer.text for answer in answers[1:]] == ["donedone", "done"]
    assert asked == ["/b", "/c"]
    assert len(server.requests) == 3


def test_wait_for_a_count_and_for_a_condition():
    """Waiting ends when the requests have come or the condition holds, and gives up in time."""
    with HttpServer(echo) as server:
        assert server.wait_for(1, timeout=0.01) is False
        thread = threading.Thread(
            target=requests.get, args=[f"{server.url}/a"], kwargs={"timeout": 9}
        )
        thread.start()
        assert server.wait_for(1)
        assert server.wait_for(lambda them: them.requests[0].path == "/a")
        thread.join()


def test_a_chunked_body_is_read():
    """A body without Content-Length arrives whole, so that its sender can be told what is wrong."""
    with HttpServer(echo) as server:
        answer = requests.post(server.url + "/", data=iter([b"one ", b"two"]), timeout=9)
    assert answer.text.endswith("one two")


def test_a_connection_serves_many_requests():
    """Connections are kept open between requests, as pooled clients expect."""
    with HttpServer(echo) as server:
        connection = HTTPConnection(server.url.removeprefix("http://"), timeout=9)
        connection.connect()
        connection.auto_open = 0  # a closed connection is an error from here on
        for number in range(3):
            connection.request("GET", f"/{number}", headers={"User-Agent": "t/1"})
            assert connection.getresponse().read() == f"GET /{number} {{}} ".encode()
        connection.close()


def test_closing_ends_every_thread_though_clients_stay():
    """Leaving the context ends the threads of idle and of hanging connections."""
    before, asked = set(threading.enumerate()), threading.Event()

    def hang(_):
        asked.set()
        return Reply(hang=True)

    with HttpServer(hang) as server:
        port = int(server.url.rpartition(":")[2])
        idle = socket.create_connection(("127.0.0.1", port))
        hanging = socket.create_connection(("127.0.0.1", port))
        hanging.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked.wait(10)
    assert set(threading.enumerate()) == before
    assert hanging.recv(1) == b""
    idle.close()
    hanging.close()


def test_a_second_entry_serves_on_the_same_port():
    """Leaving and entering again is an outage of one address."""
    server = HttpServer(echo)
    with server:
        url = server.url
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=9)
    with server:
        assert server.url == url
        assert requests.get(url, timeout=9).ok


def test_url_is_unknown_before_the_first_entry():
    """Asking for the address of a server that never ran says how to run it."""
    with pytest.raises(RuntimeError, match="with statement"):
        _ = HttpServer(echo).url


def test_a_cut_body_is_shorter_than_promised():
    """cut_after closes the connection in the middle of the body."""
    with (
        HttpServer(lambda _: Reply(body=b"0123456789", cut_after=4)) as server,
        pytest.raises(requests.exceptions.ChunkedEncodingError, match="4 bytes read, 6 more"),
    ):
        requests.get(server.url, timeout=9)


def test_a_dripping_body_arrives_whole():
    """A drip sends the same bytes, one at a time."""
    with HttpServer(lambda _: Reply(body=b"slow", drip=0.001)) as server:
        assert requests.get(server.url, timeout=9).content == b"slow"


@pytest.fixture
def authority():
    return trustme.CA()


def test_tls_is_real(tmp_path, authority):
    """With a certificate the server speaks TLS: trusted with the authority, refused without."""
    pem, key, ca = (str(tmp_path / name) for name in ("cert.pem", "key.pem", "ca.pem"))
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(pem)
    certificate.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    with HttpServer(echo, tls=TlsFiles(pem, key)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        assert requests.get(server.url, verify=ca, timeout=9).ok
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(server.url, timeout=9)


def test_a_silent_client_does_not_stop_others_from_tls(tmp_path, authority):
    """The handshake of a client that says nothing keeps no other client waiting."""
    pem = str(tmp_path / "both.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    with HttpServer(echo, tls=TlsFiles(pem, pem)) as server:
        port = int(server.url.rpartition(":")[2])
        silent = socket.create_connection(("127.0.0.1", port))
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as client,
        ):
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 200"
        silent.close()
