"""Answers that repeat what they were asked with."""

from __future__ import annotations

import base64
import html
import json
from functools import partial
from urllib.parse import quote, quote_plus

import pytest
from http_recording import Recording
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.http.masking import without_secrets
from otel_kubecost.testing import Reply

pytestmark = pytest.mark.timeout(30)

secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=30)
texts = st.text(st.sampled_from(" \n\t\x00"), max_size=5)


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def in_json(text: str, **options) -> str:
    return json.dumps(text, **options)[1:-1]


@given(secrets, texts, texts)
def test_no_form_of_a_password_is_left(password, before, behind):
    """As it is, in base64 alone or with its user, and as it stands in a URL, JSON and HTML."""
    encoded = basic("kubecost", password)
    alone = base64.b64encode(password.encode()).decode()
    sent = {"Authorization": f"Basic {encoded}", "Host": "a.example"}
    ways = [str, quote, quote_plus, partial(quote, safe=""), in_json, html.escape]
    plain = (password, encoded, encoded.rstrip("="), alone, alone.rstrip("="))
    for form in [way(one) for one in plain for way in ways]:
        text = f"{before}{form}{behind}".encode()
        assert without_secrets(text, sent) == f"{before}***{behind}".encode()


@pytest.mark.parametrize(
    "form",
    [
        in_json("\"é<&>'pass"),
        in_json("\"é<&>'pass", ensure_ascii=False),
        "\\\"é\\u003c\\u0026\\u003e'pass",
        html.escape("\"é<&>'pass"),
        "&#34;é&lt;&amp;&gt;&#39;pass",
    ],
)
def test_a_password_that_has_to_be_escaped(form):
    """As Python and Go write JSON and HTML."""
    encoded = basic("u", "\"é<&>'pass")
    sent = {"Authorization": f"Basic {encoded}"}
    assert without_secrets(f"bad {form}!".encode(), sent) == b"bad ***!"


def test_values_of_the_query_are_secrets():
    """A token may stand there; as it is written and as it is meant."""
    url = "http://a.example/write?token=hunter2%2f%2B&short=abc&flag"
    text = b"hunter2%2f%2B, hunter2%2F%2B, hunter2/+, abc, flag, token"
    assert without_secrets(text, {}, url) == b"***, ***, ***, abc, flag, token"


def test_padding_is_no_secret():
    """What is left of a password without it may be short, or nothing."""
    sent = {"X-Key": "ab====", "X-Token": "======"}
    assert without_secrets(b"about ab==== and ======", sent) == b"about *** and ***"


@pytest.mark.parametrize(
    "header",
    ["Authorization", "X-API-KEY", "Cookie", "X-Auth-Token", "x-client-secret", "X-Password"],
)
def test_headers_that_tell_a_secret_by_their_name(header):
    """Those of a way to say who asks, and those of the user's ``headers``."""
    value = "Bearer hunter2" if header == "Authorization" else "hunter2"
    assert without_secrets(b"bad token hunter2!", {header: value}) == b"bad token ***!"


@given(st.binary(max_size=200))
def test_a_text_without_secrets_is_left_alone(text):
    """What is no secret is what the receiver has to say; a word of five letters is none."""
    sent = {"Cloud-Account-Id": "5f0c-11", "X-Key": "write", "Authorization": "Bearer é" * 9}
    assert without_secrets(text, sent) == text


@pytest.mark.parametrize("status", [302, 400, 401, 409, 500, 599])
def test_a_refusal_does_not_repeat_the_credentials(client, status):
    """Whatever the peer quotes of a request, whoever logs the answer cannot log them."""
    encoded = basic("user", "hunter2:/ü")
    said = f"user sent Basic {encoded}, that is hunter2:/ü or hunter2%3A%2F%C3%BC".encode()
    with Recording(Reply(status, said)) as server:
        used = client(basic_auth={"username": "user", "password": "hunter2:/ü"})
        answers = [used.get(server.url), used.post(server.url, b"")]
    assert [answer.body for answer in answers] == [b"user sent Basic ***, that is *** or ***"] * 2


def test_data_is_not_changed(client):
    """A namespace may be called what the password is."""
    with Recording(Reply(200, b"kubecost-data")) as server:
        used = client(basic_auth={"username": "u", "password": "kubecost"})
        assert used.get(server.url).body == b"kubecost-data"
