from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import warnings
from contextlib import suppress

import pytest
import trustme
from http_recording import OK, Recording, failure_of

pytestmark = pytest.mark.timeout(30)


def test_a_certificate_of_the_named_authority_is_trusted(client, authority):
    """``ca_file`` is all that a private authority needs."""
    with Recording(tls=authority.issue("127.0.0.1")) as server:
        answer = client(tls_config={"ca_file": str(authority.ca_file)}).get(server.url)
    assert answer.body == OK.body


def test_an_unknown_authority_is_refused(client, authority):
    """Without its CA a server is not talked to, and the hint names the option."""
    with Recording(tls=authority.issue("127.0.0.1")) as server:
        failure = failure_of(client(), server.url)
    assert (failure.kind, "unknown CA" in str(failure)) == ("tls", True)
    assert "ca_file" in failure.hint
    assert server.requests == []


def test_verification_stays_on_with_insecure_skip_verify_false(client, authority):
    """The option means what it says; the class it replaces has it the other way round."""
    with Recording(tls=authority.issue("127.0.0.1")) as server:
        assert failure_of(client(tls_config={"insecure_skip_verify": False}), server.url)
        skipping = client(tls_config={"insecure_skip_verify": True})
        assert skipping.get(server.url).body == OK.body
    assert len(server.requests) == 1


def test_skipping_verification_is_said_once(client, authority, caplog):
    """Whoever switches verification off reads so in the log, not in every request."""
    with Recording(tls=authority.issue("127.0.0.1")) as server:
        used = client(tls_config={"insecure_skip_verify": True})
        used.get(server.url)
        used.get(server.url)
    said = [record.message for record in caplog.records if "not verified" in record.message]
    assert len(said) == 1


def test_an_expired_certificate_is_refused(client, authority):
    """A certificate that has ended is said to have expired."""
    then = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    files = authority.issue("127.0.0.1", not_before=then - dt.timedelta(days=9), not_after=then)
    with Recording(tls=files) as server:
        failure = failure_of(client(tls_config={"ca_file": str(authority.ca_file)}), server.url)
    assert (failure.kind, "has expired" in str(failure)) == ("tls", True)
    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(client, authority):
    """The host asked for has to be in the certificate, unless ``server_name`` says which is."""
    with Recording(tls=authority.issue("kubecost.example")) as server:
        ca = str(authority.ca_file)
        failure = failure_of(client(tls_config={"ca_file": ca}), server.url)
        named = client(tls_config={"ca_file": ca, "server_name": "kubecost.example"})
        assert named.get(server.url).status == 200
        wrong = client(tls_config={"ca_file": ca, "server_name": "other.example"})
        assert "another host" in str(failure_of(wrong, server.url))
    assert (failure.kind, "server_name" in failure.hint) == ("tls", True)
    assert len(server.requests) == 1


def _tls_server(speak, authority, **limits) -> int:
    """A server that speaks some versions of TLS only."""
    files = authority.issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):  # naming TLS 1.1 is deprecated, and the point
        for name, value in limits.items():
            setattr(context, name, value)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            secure.recv(1)

    return speak(serve)


def test_a_server_of_tls_1_1_is_refused(client, authority, speak):
    """TLS 1.2 is the oldest version spoken, also where nothing is verified."""
    with warnings.catch_warnings(action="ignore"):
        limits = {
            "minimum_version": ssl.TLSVersion.TLSv1,
            "maximum_version": ssl.TLSVersion.TLSv1_1,
        }
    port = _tls_server(speak, authority, **limits)
    failure = failure_of(
        client(tls_config={"insecure_skip_verify": True}), f"https://127.0.0.1:{port}/"
    )
    assert (failure.kind, "min_version" in failure.hint) == ("tls", True)


def test_min_version_can_be_raised(client, authority, speak):
    """A server of TLS 1.2 is talked to by default, and refused where TLS 1.3 is demanded."""
    port = _tls_server(speak, authority, maximum_version=ssl.TLSVersion.TLSv1_2)
    url, ca = f"https://127.0.0.1:{port}/", str(authority.ca_file)
    used = client(tls_config={"ca_file": ca})
    assert used.get(url).status == 200
    used.close()
    demanding = client(tls_config={"ca_file": ca, "min_version": "TLS13"})
    assert failure_of(demanding, url).kind == "tls"


def test_a_client_certificate_is_shown(client, authority, speak):
    """A server that demands a certificate gets the one of ``cert_file`` and ``key_file``."""
    files = authority.issue("127.0.0.1")
    demanding = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    demanding.load_cert_chain(files.certificate, files.key)
    demanding.load_verify_locations(authority.ca_file)
    demanding.verify_mode = ssl.CERT_REQUIRED

    def serve(connection: socket.socket) -> None:
        with demanding.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65536)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            secure.recv(1)

    url = f"https://127.0.0.1:{speak(serve)}/"
    mine = authority.issue("client.example")
    tls = {"ca_file": str(authority.ca_file)}
    assert failure_of(client(tls_config=tls), url).kind in {"tls", "reset"}
    shown = client(tls_config={**tls, "cert_file": mine.certificate, "key_file": mine.key})
    assert shown.get(url).status == 200
    shown.close()


def test_a_renewed_ca_file_is_used_without_a_restart(client, authority, tmp_path):
    """Files of ``tls_config`` are read again when they change."""
    ca_file = tmp_path / "current.pem"
    trustme.CA().cert_pem.write_to_path(ca_file)
    used = client(tls_config={"ca_file": str(ca_file)})
    with Recording(tls=authority.issue("127.0.0.1")) as server:
        assert "unknown CA" in str(failure_of(used, server.url))
        ca_file.write_bytes(authority.ca_file.read_bytes())
        assert used.get(server.url).status == 200


@pytest.mark.parametrize("option", ["ca_file", "cert_file"])
def test_a_file_that_is_no_certificate_is_named(client, tmp_path, option):
    """What OpenSSL cannot read is said with the option that named it."""
    path = tmp_path / "wrong.pem"
    path.write_text("not a certificate")
    key = {"key_file": str(path)} if option == "cert_file" else {}
    failure = failure_of(client(tls_config={option: str(path), **key}), "https://127.0.0.1:1/")
    assert (failure.kind, f"tls_config.{option}" in str(failure)) == ("tls", True)


def test_a_missing_file_is_named(client, tmp_path):
    """A file that is not there is said to be missing, before anything is sent."""
    used = client(tls_config={"ca_file": str(tmp_path / "gone.pem")})
    failure = failure_of(used, "https://127.0.0.1:1/")
    assert "gone.pem cannot be read: No such file" in str(failure)


def test_https_goes_through_a_proxy_unseen(client, authority, speak):
    """With CONNECT the proxy carries bytes; the certificate verified is the server's."""
    asked = []

    def tunnel(connection: socket.socket) -> None:
        asked.append(connection.recv(65536))
        host, port = asked[0].split()[1].decode().split(":")
        with socket.create_connection((host, int(port))) as server:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_pump, args=(server, connection))
            back.start()
            _pump(connection, server)
            back.join()

    with Recording(tls=authority.issue("127.0.0.1")) as server:
        used = client(
            proxy_url=f"http://127.0.0.1:{speak(tunnel)}",
            tls_config={"ca_file": str(authority.ca_file)},
            basic_auth={"username": "u", "password": "p"},
        )
        assert used.get(server.url).body == OK.body
        used.close()
    assert asked[0].startswith(b"CONNECT 127.0.0.1:")
    assert b"Basic" not in asked[0]
    assert server.requests[0].headers["Authorization"] == "Basic dTpw"


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # either end may close first
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
