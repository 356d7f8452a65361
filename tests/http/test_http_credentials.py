from __future__ import annotations

import base64
import os

import pytest
from http_recording import Recording, failure_of

pytestmark = pytest.mark.timeout(30)


def sent(client, header: str = "Authorization", **options) -> str | None:
    with Recording() as server:
        client(**options).get(server.url)
    return server.requests[0].headers[header]


def test_every_way_to_say_who_asks(client, tmp_path):
    """Each block becomes its header; white space around a secret in a file is not part of it."""
    secret = tmp_path / "secret"
    secret.write_text("  s3cret\n\n")
    basic = base64.b64encode(b"kub\xc3\xa9:s3cret").decode()
    assert sent(client, basic_auth={"username": "kubé", "password": "s3cret"}) == f"Basic {basic}"
    by_file = {"username": "kubé", "password_file": str(secret)}
    assert sent(client, basic_auth=by_file) == f"Basic {basic}"
    assert sent(client, authorization={"credentials": "abc"}) == "Bearer abc"
    other = {"type": "Token", "credentials_file": str(secret)}
    assert sent(client, authorization=other) == "Token s3cret"
    assert sent(client, bearer_token_file=str(secret)) == "Bearer s3cret"
    assert sent(client, "X-API-KEY", api_key_file=str(secret)) == "s3cret"
    assert sent(client) is None


def test_a_password_rotated_by_kubernetes_is_used_at_once(client, tmp_path):
    """A projected secret is a symlink to a folder that is exchanged: the next request knows."""
    for version, password in (("v1", "old"), ("v2", "new")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "password").write_text(password)
        os.utime(tmp_path / version / "password", ns=(1, 1))  # same size, same time
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "password").symlink_to("..data/password")
    used = client(basic_auth={"username": "u", "password_file": str(tmp_path / "password")})
    with Recording() as server:
        used.get(server.url)
        (tmp_path / "next").symlink_to("v2")
        (tmp_path / "next").rename(tmp_path / "..data")
        used.get(server.url)
    sent = [request.headers["Authorization"].split()[1] for request in server.requests]
    assert [base64.b64decode(one) for one in sent] == [b"u:old", b"u:new"]


@pytest.mark.parametrize("content", [b"", b"  \n", b"two\nlines", b"\xff\xfe\x00"])
def test_a_file_without_a_secret_is_a_failure(client, tmp_path, content):
    """Nothing is sent with half a credential; the message names the option and the file."""
    secret = tmp_path / "password"
    secret.write_bytes(content)
    with Recording() as server:
        used = client(basic_auth={"username": "u", "password_file": str(secret)})
        failure = failure_of(used, server.url)
    assert f"basic_auth.password_file {secret} holds no secret" in str(failure)
    assert server.requests == []


def test_a_file_that_is_gone_is_a_failure(client, tmp_path):
    """A missing secret is found when it is needed, and found again when it is back."""
    secret = tmp_path / "token"
    used = client(bearer_token_file=str(secret))
    with Recording() as server:
        assert "No such file" in str(failure_of(used, server.url))
        secret.write_text("t")
        assert used.get(server.url).status == 200


def test_a_token_that_no_header_can_hold_is_a_failure_without_the_token(client, tmp_path):
    """The message does not repeat what it refuses."""
    secret = tmp_path / "token"
    secret.write_text("paßwort")
    failure = failure_of(client(bearer_token_file=str(secret)), "http://127.0.0.1:1/")
    assert failure.kind == "other"
    assert "paßwort" not in str(failure) + failure.hint
