from __future__ import annotations

import pytest
from pydantic import ValidationError

from otel_kubecost.http.config import RESERVED_HEADERS, HTTPOptions, shown_url, split_url


def mistake(**keywords) -> str:
    with pytest.raises(ValidationError) as caught:
        HTTPOptions.model_validate(keywords)
    return str(caught.value)


@pytest.mark.parametrize(
    "block",
    [
        {"basic_auth": {"username": "u"}},
        {"basic_auth": {"username": "u", "password": "p", "password_file": "/p"}},
        {"basic_auth": {"username": "", "password": "p"}},
        {"basic_auth": {"username": "a:b", "password": "p"}},
        {"authorization": {}},
        {"authorization": {"type": "Basic", "credentials": "x"}},
        {"authorization": {"type": "two words", "credentials": "x"}},
        {"basic_auth": {"username": "u", "password": "p"}, "bearer_token_file": "/t"},
        {"tls_config": {"cert_file": "/c"}},
        {"tls_config": {"key_file": "/k"}},
        {"tls_config": {"min_version": "TLS11"}},
        {"tls": {"insecure_skip_verify": True}, "tls_config": {}},
        {"proxy_url": "socks5://host"},
        {"proxy_url": "host:3128"},
        {"timeout": 0},
        {"headers": {"X-Empty": " "}},
        {"headers": {"X Bad": "1"}},
        {"headers": {"X-Split": "a\r\nEvil: 1"}},
        {"headers": {"X-Far": "\u20ac"}},
    ],
    ids=str,
)
def test_options_that_cannot_work_are_refused(block):
    """What could only fail later fails when the configuration is read."""
    assert mistake(**block)


@pytest.mark.parametrize("name", sorted(RESERVED_HEADERS))
def test_headers_of_the_protocol_are_reserved(name):
    """``headers`` cannot replace what is the protocol's or the auth blocks' own."""
    for spelling in (name, name.title(), name.upper()):
        assert "the protocol's own" in mistake(headers={spelling: "x"})


def test_both_spellings_of_the_tls_block():
    """``tls`` is ``tls_config``."""
    options = HTTPOptions.model_validate({"tls": {"server_name": "a"}})
    assert options.tls_config.server_name == "a"
    assert HTTPOptions().tls_config.insecure_skip_verify is False


def test_no_secret_is_in_the_text_of_options():
    """Neither repr nor dump nor the message of a mistake repeats a secret."""
    options = HTTPOptions.model_validate(
        {
            "basic_auth": {"username": "u", "password": "hunter2"},
            "headers": {"X-Key": "hunter2"},
            "proxy_url": "http://u:hunter2@proxy:3128",
        }
    )
    assert "hunter2" not in repr(options)
    assert "hunter2" not in mistake(basic_auth={"username": "u", "password": ["hunter2"]})
    assert "hunter2" not in mistake(proxy_url="hunter2")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host/path",
        "ftp://host/",
        "http://",
        "http:///path",
        "https://user:secret@host/",
        "https://secret@host/",
        "http://host:0/",
        "http://host:99999/",
        "http://ho st/",
        "http://host/\n",
        f"http://{'a' * 64}.example/",
    ],
)
def test_a_url_that_is_no_endpoint_is_refused(url):
    """Only http and https with a host and without credentials; a message repeats no secret."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        split_url(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://h", "https://[::1]:9090/model", "http://h/p?x=1"])
def test_an_endpoint_is_accepted(url):
    """Hosts, addresses, ports, paths and queries are all fine."""
    assert split_url(url).hostname


def test_a_shown_url_has_no_query():
    """Tokens in queries stay out of logs."""
    assert shown_url("https://u:p@host:1/a?token=x#y") == "https://host:1/a"
