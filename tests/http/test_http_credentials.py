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
    """Case 66: a projected secret is a symlink to a folder that is exchanged: the next request
    knows."""
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
    """Case 66: nothing is sent with half a credential; the message names the option and the
    file."""
    secret = tmp_path / "password"
    secret.write_bytes(content)
    with Recording() as server:
        used = client(basic_auth={"username": "u", "password_file": str(secret)})
        failure = failure_of(used, server.url)
    assert str(failure) == f"the file {secret} of basic_auth.password_file holds no secret"
    assert server.requests == []


WAYS = {
    "basic_auth.password_file": lambda path: {
        "basic_auth": {"username": "u", "password_file": path}
    },
    "authorization.credentials_file": lambda path: {"authorization": {"credentials_file": path}},
    "bearer_token_file": lambda path: {"bearer_token_file": path},
    "api_key_file": lambda path: {"api_key_file": path},
    "oauth2.client_secret_file": lambda path: {
        "oauth2": {"client_id": "c", "client_secret_file": path, "token_url": "http://login/"}
    },
}


@pytest.mark.parametrize("option", WAYS)
def test_a_file_that_is_gone_is_a_failure(client, tmp_path, option):
    """Case 66: it is named with its option; nothing is sent, to nobody."""
    used = client(**WAYS[option](str(tmp_path / "secret")))
    with Recording() as server:
        failure = failure_of(used, server.url)
    assert str(failure).startswith(
        f"the file {tmp_path}/secret of {option} cannot be read: No such"
    )
    assert "permissions" in failure.hint
    assert server.requests == []


def test_a_file_that_comes_back_is_read(client, tmp_path):
    """Case 66: a secret that was missing is looked for with every request."""
    secret = tmp_path / "token"
    used = client(bearer_token_file=str(secret))
    with Recording() as server:
        failure_of(used, server.url)
        secret.write_text("t\r\n")
        assert used.get(server.url).status == 200
    assert server.requests[0].headers["Authorization"] == "Bearer t"


def test_a_folder_is_no_secret(client, tmp_path):
    """Case 66: a mount with a mistake in its subPath makes a folder of the file."""
    failure = failure_of(client(bearer_token_file=str(tmp_path)), "http://127.0.0.1:1/")
    assert (
        str(failure) == f"the file {tmp_path} of bearer_token_file cannot be read: Is a directory"
    )


@pytest.fixture
def forbidden(tmp_path):
    """A file that may not be read. Root may read all, and is somebody else meanwhile."""
    path = tmp_path / "forbidden"
    path.write_text("hunter2")
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield path
    os.seteuid(user)


def test_a_file_that_may_not_be_read_is_a_failure(client, forbidden):
    """Case 66: and nothing is sent."""
    used = client(bearer_token_file=str(forbidden))
    with Recording() as server:
        failure = failure_of(used, server.url)
    assert f"{forbidden} of bearer_token_file cannot be read: Permission denied" in str(failure)
    assert "permissions" in failure.hint
    assert server.requests == []


def test_a_secret_that_everybody_may_read_is_said(client, tmp_path, caplog):
    """Case 66: it is used, and the log has one line for it, not one a request."""
    secret = tmp_path / "token"
    secret.write_text("hunter2")
    used = client(bearer_token_file=str(secret))
    with Recording() as server:
        for mode in (0o440, 0o644, 0o644, 0o400):
            secret.chmod(mode)
            assert used.get(server.url).status == 200
    (line,) = caplog.records
    assert f"{secret} of bearer_token_file can be read by every user" in line.message
    assert (line.levelname, "defaultMode" in line.hint) == ("WARNING", True)


def test_a_token_that_no_header_can_hold_is_a_failure_without_the_token(client, tmp_path):
    """The message does not repeat what it refuses."""
    secret = tmp_path / "token"
    secret.write_text("paßwort")
    failure = failure_of(client(bearer_token_file=str(secret)), "http://127.0.0.1:1/")
    assert failure.kind == "other"
    assert "paßwort" not in str(failure) + failure.hint
