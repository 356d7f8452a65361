"""No log line has a secret: neither ours, nor what others say of our requests at any level."""

from __future__ import annotations

import base64
import logging
import re
import time
from urllib.parse import quote, quote_plus

import pytest
from projected_volume import ProjectedVolume
from rw_data import NOW, InstantClock, series
from token_server import SECRET, TokenServer, block

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.testing import HttpServer, Reply, Request

pytestmark = pytest.mark.timeout(60)

PASSWORD = "cänary2:/ &"
TOKEN = "canary+token/42=="
TELLING = re.compile("Auth|KEY")
V2 = {"protobuf_message": "io.prometheus.write.v2.Request"}


def base64_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS = {
    way(form)
    for secret in (PASSWORD, TOKEN, SECRET)
    for form in (secret, base64_of(secret), base64_of(f"kubecost:{secret}"))
    for way in (str, quote, quote_plus, lambda text: quote(text, safe=""))
}
"""Every way to write a secret that may not be in a log."""

WAYS = {
    "basic_auth": lambda _: {"basic_auth": {"username": "kubecost", "password": PASSWORD}},
    "password_file": lambda volume: {
        "basic_auth": {"username": "kubecost", "password_file": str(volume / "password")}
    },
    "authorization": lambda _: {"authorization": {"credentials": TOKEN}},
    "bearer_token_file": lambda volume: {"bearer_token_file": str(volume / "token")},
    "api_key_file": lambda volume: {"api_key_file": str(volume / "token")},
    "headers": lambda _: {"headers": {"X-Auth-Token": TOKEN}},
}


class Echo(HttpServer):
    """Answers with the secrets that it got, as they are and decoded."""

    def __init__(self, clock: InstantClock, status: int) -> None:
        super().__init__(self._echo)
        self._clock = clock
        self._status = status
        self.said = ""

    @property
    def endpoint(self) -> str:
        return self.url + "/write"

    def _time(self) -> float:
        return self._clock.time()

    def _echo(self, request: Request) -> Reply:
        said = "; ".join(map(_understood, request.headers.items()))
        self.said += said
        place = f"https://kubecost:{quote(PASSWORD)}@a.example/?token={quote(TOKEN)}"
        return Reply(self._status, said.encode(), headers={"Location": place})


def _understood(header: tuple[str, str]) -> str:
    name, value = header
    if not TELLING.search(name):
        return name
    scheme, _, pair = value.partition(" ")
    decoded = base64.b64decode(pair).decode() if scheme == "Basic" else ""
    return f"{name}: {value}, that is {decoded}"


@pytest.fixture
def clock():
    return InstantClock(time.time())


@pytest.fixture
def volume(tmp_path):
    return ProjectedVolume(tmp_path / "volume", {"password": PASSWORD, "token": TOKEN}, mode=0o644)


def tried(exporter: PrometheusRemoteWriteExporter, server: HttpServer, caplog) -> str:
    """Everything that is said of a few writes and of the shutdown, by anybody."""
    caplog.set_level(logging.DEBUG)
    for mark in range(3):
        exporter.enqueue(series(3, at=NOW + mark))
    assert server.wait_for(3)
    exporter.shutdown(timeout_millis=300)
    return caplog.text + "".join(str(vars(record)) for record in caplog.records)


def secrets_in(text: str) -> list[str]:
    return [form for form in FORMS if form in text]


@pytest.mark.parametrize(
    ("way", "status"),
    [(way, 401) for way in WAYS]
    + [("basic_auth", status) for status in (302, 400, 409, 413, 415, 422, 429, 500, 599)],
)
def test_what_a_receiver_repeats_is_not_logged(exporter_to, clock, volume, caplog, *, way, status):
    """Whatever it answers with."""
    with Echo(clock, status) as server:
        exporter = exporter_to(server, clock=clock, **V2, **WAYS[way](volume))
        text = tried(exporter, server, caplog)
    assert secrets_in(server.said)
    assert secrets_in(text) == []
    assert "***" in text


def test_a_query_of_the_endpoint_is_not_logged(clock, caplog):
    """Not by urllib3 either, which logs the URL of every request for those who debug."""
    with Echo(clock, 401) as server:
        endpoint = f"{server.url}/write?token={quote(TOKEN)}"
        exporter = PrometheusRemoteWriteExporter(endpoint=endpoint, clock=clock)
        text = tried(exporter, server, caplog)
    assert "POST /write" in text
    assert secrets_in(text) == []


def test_a_secret_of_a_client_and_its_tokens_are_not_logged(exporter_to, clock, caplog):
    """Neither where the token is refused nor where the secret is."""
    with Echo(clock, 401) as server, TokenServer(access_token=TOKEN) as issuer:
        issuer.script([Reply(403, SECRET.encode())])
        text = tried(exporter_to(server, clock=clock, oauth2=block(issuer)), server, caplog)
    assert issuer.issued > 0
    assert secrets_in(text) == []


def test_the_credentials_of_a_proxy_are_not_logged(clock, caplog):
    """Though it repeats them in its refusal."""
    with Echo(clock, 407) as proxy:
        url = proxy.url.replace("://", f"://kubecost:{quote(TOKEN, safe='')}@")
        options = {"endpoint": "http://receiver.invalid/write", "proxy_url": url}
        text = tried(PrometheusRemoteWriteExporter(**options, clock=clock), proxy, caplog)
    assert "proxy wants credentials" in text
    assert secrets_in(proxy.said)
    assert secrets_in(text) == []
