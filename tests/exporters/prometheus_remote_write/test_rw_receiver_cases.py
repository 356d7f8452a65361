"""What a receiver refuses and somebody then mends: passwords, accounts, URLs. No data is lost."""

from __future__ import annotations

import base64
import time

import pytest
from peers import wait_until
from projected_volume import ProjectedVolume
from rw_data import NOW, InstantClock, Sink, series
from token_server import TokenServer, block

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.testing import HttpServer, RemoteWriteReceiver, Reply, Request

pytestmark = pytest.mark.timeout(60)

ACCOUNT = {"Cloud-Account-Id": "acme"}
OK = Reply(200)


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"kubecost:{password}".encode()).decode()


WAYS = {
    "basic_auth": (
        lambda file: {"basic_auth": {"username": "kubecost", "password_file": file}},
        basic,
    ),
    "authorization": (
        lambda file: {"authorization": {"type": "Token", "credentials_file": file}},
        "Token {}".format,
    ),
    "bearer_token_file": (lambda file: {"bearer_token_file": file}, "Bearer {}".format),
}
"""How a secret in a file is given, and which header has to come of it."""


class Receiver(RemoteWriteReceiver):
    """CloudTuner's rules; what it takes may change."""

    def __init__(self, clock, authorization=None, account="acme") -> None:
        super().__init__(clock=clock, account_id=account)
        self._authorization = authorization

    def now_takes(self, authorization: str) -> None:
        self._authorization = authorization

    def now_knows(self, account: str) -> None:
        self._account_id = account

    def has_in_order(self, marks: int) -> bool:
        """Whether everything is here, once and in its order."""
        times = [[at for at, _ in points] for points in self.series.values()]
        return times == [[NOW + n for n in range(marks)]] * 5


class Answering(HttpServer):
    """Keeps every request, HEAD too, and answers each with the same."""

    def __init__(self, clock, reply=OK) -> None:
        super().__init__(self._keep)
        self._clock = clock
        self.reply = reply
        self.heard: list[Request] = []

    @property
    def endpoint(self) -> str:
        return self.url + "/write"

    def _keep(self, request: Request) -> Reply:
        self.heard.append(request)
        return self.reply

    def _time(self) -> float:
        return self._clock.time()


@pytest.fixture
def clock():
    return InstantClock(time.time())


@pytest.fixture
def volume(tmp_path):
    return ProjectedVolume(tmp_path / "volume", {"password": "the old one\n"})


def queue(exporter: PrometheusRemoteWriteExporter, *marks: int) -> None:
    for mark in marks:
        exporter.enqueue(series(5, at=NOW + mark))


def settled(exporter: PrometheusRemoteWriteExporter) -> tuple:
    """What became of everything that was accepted."""
    wait_until(lambda: not exporter.stats().pending)
    return exporter.stats()[:4]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("first", ["receiver", "volume"])
def test_a_rotation_loses_nothing(exporter_to, clock, volume, caplog, *, way, first):
    """Case 35: receiver and volume have the new secret one after the other, with 401 in between;
    whichever is late, everything arrives in order and nothing is restarted."""
    options, header = WAYS[way]
    with Receiver(clock, header("the old one")) as receiver:
        given = options(str(volume / "password"))
        exporter = exporter_to(receiver, clock=clock, headers=ACCOUNT, **given)
        queue(exporter, 0)
        assert settled(exporter) == (5, 5, 0, {})
        steps = [
            lambda: receiver.now_takes(header("the new one")),
            lambda: volume.write({"password": "the new one\r\n"}),
        ]
        early, late = steps if first == "receiver" else reversed(steps)
        early()
        queue(exporter, 1, 2, 3)
        wait_until(lambda: exporter.stats().trouble == "credentials_refused")
        assert exporter.stats().pending == 15
        late()
        assert settled(exporter) == (20, 20, 0, {})
        assert receiver.has_in_order(4)
    assert all("Authorization" in text for text in receiver.violations)
    (line,) = caplog.records
    assert "basic_auth" in line.hint


def test_an_account_that_is_registered_later(exporter_to, clock, caplog):
    """Case 36: 422 until CloudTuner knows the account; what was queued since then arrives."""
    with Receiver(clock, account="another") as receiver:
        exporter = exporter_to(receiver, clock=clock, headers=ACCOUNT)
        queue(exporter, 0, 1, 2)
        wait_until(lambda: exporter.stats().trouble == "account_unknown")
        assert exporter.stats()[:4] == (15, 0, 15, {})
        receiver.now_knows("acme")
        assert settled(exporter) == (15, 15, 0, {})
        assert receiver.has_in_order(3)
    (line,) = caplog.records
    assert "account 'acme' is not known" in line.message
    assert "Cloud-Account-Id" in line.hint


@pytest.mark.parametrize(
    ("reply", "trouble", "hint"),
    [
        (Reply(404, b"no such page"), "wrong_url", "/storage/api/v2/write"),  # 37
        (Reply(405, b"GET only"), "wrong_url", "/storage/api/v2/write"),  # 38
        (Reply(308, headers={"Location": "/write/"}), "redirected", "final URL into endpoint"),
    ],
    ids=["404", "405", "308"],
)
def test_a_wrong_url_is_mended_by_a_reload(exporter_to, clock, caplog, *, reply, trouble, hint):
    """Cases 37, 38 and 46: what waits for the wrong URL goes to the right one."""
    with Receiver(clock) as receiver, Answering(clock, reply) as wrong:
        mistaken = exporter_to(wrong, clock=clock, headers=ACCOUNT)
        queue(mistaken, 0, 1, 2)
        wait_until(lambda: mistaken.stats().trouble == trouble)
        mended = exporter_to(receiver, clock=clock, headers=ACCOUNT)
        mended.adopt(mistaken)
        queue(mended, 3)
        assert settled(mended) == (20, 20, 0, {})
        assert receiver.has_in_order(4)
    assert receiver.violations == []
    assert hint in caplog.records[0].hint


def test_the_first_write_of_a_new_tenant(exporter_to, clock):
    """Case 43: Thanos answers 503 until the tenant's TSDB is open; what came first is sent again
    within a second, and first."""
    with Receiver(clock) as receiver:
        receiver.script([Reply(503, b"forwarding request to endpoint: TSDB not ready")] * 3)
        exporter = exporter_to(receiver, clock=clock, headers=ACCOUNT)
        began = clock.monotonic()
        queue(exporter, 0, 1, 2)
        assert settled(exporter) == (15, 15, 0, {})
        assert receiver.has_in_order(3)
    assert clock.monotonic() - began < 1
    assert receiver.violations == []


def test_a_gateway_without_its_receiver(exporter_to, clock):
    """Case 45: CloudTuner's says 599 for as long as nobody is behind it; a lone series that meets
    that fifty times is not taken for the cause."""
    with Receiver(clock) as receiver:
        receiver.script([599] * 50)
        exporter = exporter_to(receiver, clock=clock, headers=ACCOUNT)
        exporter.enqueue(series(1))
        assert settled(exporter) == (1, 1, 0, {})
    assert receiver.request_count == 51


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nothing_goes_where_a_redirect_leads(exporter_to, clock, status):
    """Case 46: neither with a write nor with the question for the time is a credential, an account
    or a cookie sent to another host; nothing counts as delivered."""
    with Answering(clock) as other, Answering(clock) as server:
        place = other.url.replace("127.0.0.1", "localhost") + "/write"
        server.reply = Reply(status, headers={"Location": place, "Set-Cookie": "session=1"})
        given = {"username": "u", "password": "p"}
        exporter = exporter_to(server, clock=clock, headers=ACCOUNT, basic_auth=given)
        queue(exporter, 0, 1)
        wait_until(lambda: exporter.stats().trouble == "redirected")
        assert exporter.stats()[:4] == (10, 0, 10, {})
        server.reply = OK
        assert settled(exporter) == (10, 10, 0, {})
    assert other.heard == []
    assert {"HEAD", "POST"} == {request.method for request in server.heard}
    assert all(request.headers["Cookie"] is None for request in server.heard)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_secret_of_a_client_goes_where_a_redirect_leads(exporter_to, clock, caplog, status):
    """Case 46: a server of tokens that moves gets nothing sent to another host either, and the
    receiver nothing without a token."""
    with Answering(clock) as other, Answering(clock) as server, TokenServer() as issuer:
        place = other.url.replace("127.0.0.1", "localhost") + "/token"
        issuer.script([Reply(status, headers={"Location": place})] * 4)
        exporter = exporter_to(server, clock=clock, oauth2=block(issuer))
        queue(exporter, 0, 1)
        assert settled(exporter) == (10, 10, 0, {})
    assert other.heard == []
    assert {request.headers["Authorization"] for request in server.heard} == {"Bearer token-1"}
    assert f"the server answered {status}" in caplog.records[0].message
    assert "oauth2.token_url" in caplog.records[0].hint


@pytest.mark.parametrize(
    "files",
    [{}, {"password": ""}, {"password": " \n\n"}, {"password": "a\nb"}, {"password": b"\xff\x00"}],
    ids=["missing", "empty", "blank", "two lines", "no text"],
)
def test_a_password_that_is_not_there_yet(exporter_to, clock, volume, caplog, *, files):
    """Case 66: nothing is sent without it; the log names option and file; when the volume has it,
    with its newline, everything arrives."""
    volume.write(files)
    with Receiver(clock, basic("secret")) as receiver:
        file = str(volume / "password")
        given = {"username": "kubecost", "password_file": file}
        exporter = exporter_to(receiver, clock=clock, headers=ACCOUNT, basic_auth=given)
        queue(exporter, 0, 1)
        wait_until(lambda: caplog.records)
        assert receiver.violations == []
        assert exporter.stats()[:4] == (10, 0, 10, {})
        volume.write({"password": "secret\n"})
        assert settled(exporter) == (10, 10, 0, {})
        assert receiver.has_in_order(2)
    assert receiver.violations == []
    (line,) = caplog.records
    assert f"The file {file} of basic_auth.password_file" in line.message
    assert "the data is kept" in line.message
    assert line.hint


def test_the_headers_of_the_protocol_are_its_own(exporter_to):
    """Each is there once, as the protocol wants it; what the user adds stands beside them."""
    with Sink() as server:
        given = {"username": "u", "password": "p"}
        exporter = exporter_to(server, headers={"accept": "text/plain"}, basic_auth=given)
        queue(exporter, 0)
        assert exporter.force_flush()
    (request,) = server.requests
    names = [name.lower() for name in request.headers]
    assert len(names) == len(set(names))
    own = ["Content-Type", "Content-Encoding", "X-Prometheus-Remote-Write-Version", "Authorization"]
    assert [request.headers[name] for name in own] == [
        "application/x-protobuf",
        "snappy",
        "0.1.0",
        "Basic dTpw",
    ]
    assert request.headers["Content-Length"] == str(len(request.body))
    assert request.headers["Accept"] == "text/plain"
