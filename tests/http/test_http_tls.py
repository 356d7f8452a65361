from __future__ import annotations

import socket
import ssl
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path

import pytest
import trustme
from authority import PAST, Authority
from http_recording import OK, Recording, failure_of

from otel_kubecost.http.session import HTTPFailure

pytestmark = pytest.mark.timeout(30)


def test_a_certificate_of_the_named_authority_is_trusted(client, authority):
    """``ca_file`` is all that a private authority needs."""
    with Recording(tls=authority.issue("127.0.0.1")) as server:
        answer = client(tls_config={"ca_file": str(authority.ca_file)}).get(server.url)
    assert answer.body == OK.body


def test_an_unknown_authority_is_refused(client, authority):
    """Case 49: without its CA a server is not talked to, and the hint names the option."""
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
    """Case 49: a certificate that has ended is said to have expired."""
    files = authority.issue("127.0.0.1", **PAST)
    with Recording(tls=files) as server:
        failure = failure_of(client(tls_config={"ca_file": str(authority.ca_file)}), server.url)
    assert (failure.kind, "has expired" in str(failure)) == ("tls", True)
    assert server.requests == []


def test_a_certificate_for_another_name_is_refused(client, authority):
    """Case 49: the host asked for has to be in the certificate, unless ``server_name`` says
    which is."""
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
    """A server that speaks some versions of TLS only, or wants a certificate of its own CA."""
    files = authority.issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(authority.ca_file)
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
    assert _spoken_with_anyone(port) == "TLSv1.1"
    failure = failure_of(
        client(tls_config={"insecure_skip_verify": True}), f"https://127.0.0.1:{port}/"
    )
    assert (failure.kind, "min_version" in failure.hint) == ("tls", True)


def _spoken_with_anyone(port: int) -> str | None:
    """The version that a client agrees on who takes any."""
    anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    anyone.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore"):
        anyone.minimum_version = ssl.TLSVersion.TLSv1
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        anyone.wrap_socket(plain) as secure,
    ):
        return secure.version()


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
    port = _tls_server(speak, authority, verify_mode=ssl.CERT_REQUIRED)
    mine = authority.issue("client.example")
    tls = {"ca_file": str(authority.ca_file), "cert_file": mine.certificate, "key_file": mine.key}
    shown = client(tls_config=tls)
    assert shown.get(f"https://127.0.0.1:{port}/").status == 200
    shown.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize(
    ("shown", "hint"),
    [
        ("nothing", "tls_config.cert_file and key_file"),
        ("expired", "tls_config.cert_file has to be renewed"),
        ("strange", "does not know the CA of tls_config.cert_file"),
    ],
)
def test_a_client_certificate_that_is_refused_is_named(
    client, authority, speak, tmp_path, *, version, shown, hint
):
    """Case 49: with TLS 1.3 the refusal comes while the request is sent, and is heard all the
    same."""
    port = _tls_server(speak, authority, verify_mode=ssl.CERT_REQUIRED, maximum_version=version)
    tls = {"ca_file": str(authority.ca_file)}
    issued = {
        "expired": authority.issue("client.example", **PAST),
        "strange": Authority(tmp_path / "strange").issue("client.example"),
    }
    if mine := issued.get(shown):
        tls |= {"cert_file": mine.certificate, "key_file": mine.key}
    with pytest.raises(HTTPFailure) as caught:
        client(tls_config=tls).post(f"https://127.0.0.1:{port}/", bytes(8 << 20))
    assert (caught.value.kind, hint in caught.value.hint) == ("tls", True)


def test_an_answer_that_comes_before_the_end_of_the_request_is_read(client, authority, speak):
    """Over TLS as without it: a proxy says 413 and closes, and that is not a broken connection."""
    files = authority.issue("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)

    def hasty(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1000)
            secure.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!")
            time.sleep(0.1)  # a close with a request half read may take an answer back (RFC 9112)

    used = client(tls_config={"ca_file": str(authority.ca_file)})
    answer = used.post(f"https://127.0.0.1:{speak(hasty)}/", bytes(8 << 20))
    assert (answer.status, answer.body) == (413, b"no!")


def test_a_handshake_that_never_ends_is_a_timeout(client, speak):
    """A port that takes connections and says nothing costs the request's time and no more."""
    port = speak(lambda connection: connection.recv(65536) and connection.recv(1))
    assert failure_of(client(timeout="300ms"), f"https://127.0.0.1:{port}/").kind == "timeout"


def test_a_renewed_ca_file_is_used_without_a_restart(client, authority, tmp_path):
    """Files of ``tls_config`` are read again when they change."""
    ca_file = tmp_path / "current.pem"
    trustme.CA().cert_pem.write_to_path(ca_file)
    used = client(tls_config={"ca_file": str(ca_file)})
    with Recording(tls=authority.issue("127.0.0.1")) as server:
        assert "unknown CA" in str(failure_of(used, server.url))
        ca_file.write_bytes(authority.ca_file.read_bytes())
        assert used.get(server.url).status == 200


def test_a_renewed_ca_file_is_used_for_a_proxy(client, authority, tmp_path):
    """A proxy that is talked to by https is verified with the same file, as it is now."""
    ca_file = tmp_path / "current.pem"
    trustme.CA().cert_pem.write_to_path(ca_file)
    with Recording(tls=authority.issue("127.0.0.1")) as proxy:
        used = client(proxy_url=proxy.url, tls_config={"ca_file": str(ca_file)})
        failure = failure_of(used, "http://kubecost.invalid/")
        assert (failure.kind, "the proxy's certificate" in str(failure)) == ("proxy", True)
        assert failure.hint == "name that CA in tls_config.ca_file"
        ca_file.write_bytes(authority.ca_file.read_bytes())
        assert used.get("http://kubecost.invalid/").body == OK.body


def test_a_certificate_and_a_key_that_are_exchanged_one_by_one(client, authority, speak, tmp_path):
    """In between they do not belong together, and that is said; then they are used."""
    port = _tls_server(speak, authority, verify_mode=ssl.CERT_REQUIRED)
    old, new = authority.issue("old.example"), authority.issue("new.example")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    certificate.write_bytes(Path(new.certificate).read_bytes())
    key.write_bytes(Path(old.key).read_bytes())
    tls = {"ca_file": authority.ca_file, "cert_file": certificate, "key_file": key}
    used = client(tls_config={option: str(path) for option, path in tls.items()})
    failure = failure_of(used, f"https://127.0.0.1:{port}/")
    assert "key_file, cannot be used: key values mismatch" in str(failure)
    assert failure.hint == "key_file is the key of another certificate"
    key.write_bytes(Path(new.key).read_bytes())
    assert used.get(f"https://127.0.0.1:{port}/").status == 200
    used.close()


def test_a_key_that_everybody_may_read_is_said(client, authority, caplog):
    """It is used, and the log has one line for it."""
    files = authority.issue("127.0.0.1")
    Path(files.key).chmod(0o604)
    tls = {"ca_file": authority.ca_file, "cert_file": files.certificate, "key_file": files.key}
    with Recording(tls=files) as server:
        used = client(tls_config={option: str(path) for option, path in tls.items()})
        assert [used.get(server.url).status for _ in range(3)] == [200] * 3
    (line,) = caplog.records
    assert f"{files.key} of tls_config.key_file can be read by every user" in line.message


@pytest.mark.parametrize("option", ["ca_file", "cert_file"])
def test_a_file_that_is_no_certificate_is_named(client, tmp_path, option):
    """What OpenSSL cannot read is said with the option that named it."""
    path = tmp_path / "wrong.pem"
    path.write_text("not a certificate")
    key = {"key_file": str(path)} if option == "cert_file" else {}
    failure = failure_of(client(tls_config={option: str(path), **key}), "https://127.0.0.1:1/")
    assert (failure.kind, f"tls_config.{option}" in str(failure)) == ("tls", True)


@pytest.mark.parametrize("option", ["ca_file", "cert_file", "key_file"])
def test_a_missing_file_is_named(client, authority, tmp_path, option):
    """A file that is not there is said to be missing, with its option, before anything is sent."""
    files = authority.issue("client.example")
    tls = {"ca_file": authority.ca_file, "cert_file": files.certificate, "key_file": files.key}
    tls[option] = tmp_path / "gone.pem"
    used = client(tls_config={option: str(path) for option, path in tls.items()})
    failure = failure_of(used, "https://127.0.0.1:1/")
    assert f"gone.pem of tls_config.{option} cannot be read: No such file" in str(failure)


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
