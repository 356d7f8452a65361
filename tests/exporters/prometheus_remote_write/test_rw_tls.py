"""Receivers behind TLS: what cannot be sent is kept, and arrives when certificates are mended."""

from __future__ import annotations

import logging
import ssl
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from authority import FUTURE, PAST, Authority
from peers import wait_until
from projected_volume import ProjectedVolume
from rw_data import NOW, series

from otel_kubecost.exporters.prometheus_remote_write import PrometheusRemoteWriteExporter
from otel_kubecost.testing import RemoteWriteReceiver, TlsFiles

pytestmark = pytest.mark.timeout(60)


class SecureReceiver(RemoteWriteReceiver):
    """CloudTuner's rules behind TLS."""

    def __init__(self, tls: TlsFiles) -> None:
        super().__init__(account_id="acme", basic_auth=("kubecost", "hunter2"))
        self._tls = tls
        self.heard: list[str] = []
        """The method of every request, HEAD too."""

    def speak(self, context: ssl.SSLContext | None) -> None:
        """From the next connection on; None for no TLS at all."""
        self._server._context = context

    def _answer(self, request):
        self.heard.append(request.method)
        return super()._answer(request)

    def has_in_order(self, marks: int) -> bool:
        """Whether everything is here, once and in its order, and nothing that breaks a rule."""
        times = [[at for at, _ in points] for points in self.series.values()]
        return times == [[NOW + n for n in range(marks)]] * 5 and self.violations == []


class Pki:
    """What a receiver and an agent have for each other: certificates of one authority."""

    def __init__(self, folder: Path) -> None:
        self.ca = Authority(folder)
        self.stranger = Authority(folder.with_name(f"{folder.name}-stranger"))

    def server(self, name: str = "127.0.0.1", **options: Any) -> ssl.SSLContext:
        """Takes a client's certificate and does not demand one; ``options`` are of the context or
        of the certificate."""
        validity = {key: value for key, value in options.items() if key in PAST}
        files = self.ca.issue(name, **validity)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files.certificate, files.key)
        context.load_verify_locations(self.ca.ca_file)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.set_ciphers("ALL:@SECLEVEL=0")  # below 2, OpenSSL serves TLS 1.1
        with warnings.catch_warnings(action="ignore"):  # TLS 1.1 is deprecated, and the point
            for key in options.keys() - validity.keys():
                setattr(context, key, options[key])
        return context

    def files(self, issuer: Authority | None = None, **validity: Any) -> dict[str, bytes]:
        """What is in the agent's volume."""
        mine = (issuer or self.ca).issue("agent.example", **validity)
        return {
            "ca.crt": self.ca.ca_file.read_bytes(),
            "tls.crt": Path(mine.certificate).read_bytes(),
            "tls.key": Path(mine.key).read_bytes(),
        }

    def without(self, name: str) -> dict[str, bytes]:
        return {key: content for key, content in self.files().items() if key != name}


@pytest.fixture
def pki(tmp_path):
    return Pki(tmp_path / "pki")


@pytest.fixture
def volume(tmp_path, pki):
    return ProjectedVolume(tmp_path / "volume", pki.files())


@pytest.fixture
def receiver(pki):
    with SecureReceiver(pki.ca.issue("127.0.0.1")) as server:
        yield server


@pytest.fixture
def agent(exporter_to, receiver, volume):
    """Makes exporters to the receiver, with the files of the volume; ``tls`` changes that."""

    def make(tls: Mapping[str, str | None]) -> PrometheusRemoteWriteExporter:
        files = {"ca_file": "ca.crt", "cert_file": "tls.crt", "key_file": "tls.key"}
        given = {option: str(volume / name) for option, name in files.items()} | dict(tls)
        return exporter_to(
            receiver,
            headers={"Cloud-Account-Id": "acme"},
            basic_auth={"username": "kubecost", "password": "hunter2"},
            tls_config={option: value for option, value in given.items() if value},
            queue_config={"max_backoff": "100ms"},
        )

    return make


class Fault(NamedTuple):
    said: str
    hint: str
    server: Callable[[Pki], ssl.SSLContext | None] = Pki.server
    files: Callable[[Pki], Mapping[str, bytes]] = Pki.files
    tls: Mapping[str, str | None] = {}


WITH_TLS_1_1 = {
    "minimum_version": ssl.TLSVersion.TLSv1,
    "maximum_version": ssl.TLSVersion.TLSv1_1,
}
WITHOUT_CERTIFICATE = {"cert_file": None, "key_file": None}

FAULTS = {
    "the CA is unknown": Fault(
        "comes from an unknown CA",
        "name that CA in tls_config.ca_file",
        files=lambda pki: pki.files() | {"ca.crt": pki.stranger.ca_file.read_bytes()},
    ),
    "expired": Fault(
        "has expired",
        "renewed on the server",
        server=lambda pki: pki.server(**PAST),
    ),
    "not valid yet": Fault(
        "is not valid yet",
        "clocks",
        server=lambda pki: pki.server(**FUTURE),
    ),
    "the name is another": Fault(
        "is for another address",
        "tls_config.server_name",
        server=lambda pki: pki.server("other.example"),
    ),
    "TLS 1.1": Fault(
        "TLS failed",
        "older than tls_config.min_version",
        server=lambda pki: pki.server(**WITH_TLS_1_1),
    ),
    "TLS 1.2, and 1.3 is demanded": Fault(
        "TLS failed",
        "older than tls_config.min_version",
        server=lambda pki: pki.server(maximum_version=ssl.TLSVersion.TLSv1_2),
        tls={"min_version": "TLS13"},
    ),
    "no TLS": Fault(
        "TLS failed",
        "speaks plain http; change the scheme or the port",
        server=lambda _: None,
    ),
    "a client certificate is demanded": Fault(
        "certificate required",
        "set tls_config.cert_file and key_file",
        server=lambda pki: pki.server(verify_mode=ssl.CERT_REQUIRED),
        tls=WITHOUT_CERTIFICATE,
    ),
    "the client certificate has expired": Fault(
        "certificate expired",
        "tls_config.cert_file has to be renewed",
        files=lambda pki: pki.files(**PAST),
    ),
    "the client certificate has a strange CA": Fault(
        "unknown ca",
        "does not know the CA of tls_config.cert_file",
        files=lambda pki: pki.files(pki.stranger),
    ),
    "no CA file": Fault(
        "ca.crt of tls_config.ca_file cannot be read: No such file",
        "check the path",
        files=lambda pki: pki.without("ca.crt"),
    ),
    "the CA file is no certificate": Fault(
        "ca.crt of tls_config.ca_file cannot be used",
        "PEM",
        files=lambda pki: pki.files() | {"ca.crt": b"-----BEGIN NONSENSE-----"},
    ),
    "no key": Fault(
        "tls.key of tls_config.key_file cannot be read: No such file",
        "check the path",
        files=lambda pki: pki.without("tls.key"),
    ),
    "the key is of another certificate": Fault(
        "key_file, cannot be used",
        "key_file is the key of another certificate",
        files=lambda pki: pki.files() | {"tls.key": pki.files()["tls.key"]},
    ),
}


def queue(exporter: PrometheusRemoteWriteExporter, *marks: int) -> None:
    for mark in marks:
        exporter.enqueue(series(5, at=NOW + mark))


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_what_tls_refuses_is_kept_until_it_is_mended(
    fault, pki, receiver, volume, agent, *, caplog
):
    """Case 49: nothing is sent and nothing lost, the log says the remedy once; when it is mended,
    in the volume or at the receiver, everything arrives without a restart."""
    caplog.set_level(logging.INFO)
    receiver.speak(fault.server(pki))
    volume.write(fault.files(pki))
    exporter = agent(fault.tls)
    queue(exporter, 0, 1, 2, 3)
    wait_until(lambda: caplog.records)
    assert (exporter.stats().pending, exporter.stats().delivered) == (20, 0)
    assert receiver.heard == []
    receiver.speak(pki.server())
    volume.write(pki.files())
    assert exporter.force_flush(20_000)
    assert (exporter.stats().delivered, exporter.stats().dropped) == (20, {})
    assert receiver.has_in_order(4)
    trouble, end = caplog.records
    assert fault.said in trouble.message
    assert "the data is kept" in trouble.message
    assert fault.hint in trouble.hint
    assert "answers again" in end.message


@pytest.mark.parametrize(
    ("missing", "hint"),
    [(WITHOUT_CERTIFICATE, "cert_file and key_file"), ({"ca_file": None}, "tls_config.ca_file")],
)
def test_an_option_that_was_forgotten_costs_nothing(pki, receiver, agent, caplog, *, missing, hint):
    """Case 49: the reload that brings it hands over what waits."""
    receiver.speak(pki.server(verify_mode=ssl.CERT_REQUIRED))
    forgetful = agent(missing)
    queue(forgetful, 0, 1, 2)
    wait_until(lambda: caplog.records)
    assert hint in caplog.records[0].hint
    mended = agent({})
    mended.adopt(forgetful)
    queue(mended, 3)
    assert mended.force_flush(20_000)
    assert receiver.has_in_order(4)


def test_everything_is_exchanged_while_it_works(tmp_path, receiver, volume, agent, caplog):
    """Certificate, key and CA of both sides are others from one request to the next: each is made
    with the new ones, and nobody notices."""
    exporter = agent({})
    for mark in range(3):
        pki = Pki(tmp_path / str(mark))
        demanding = pki.server(verify_mode=ssl.CERT_REQUIRED)
        receiver.speak(demanding)
        volume.write(pki.files())
        queue(exporter, mark)
        assert exporter.force_flush(20_000)
        assert demanding.session_stats()["accept_good"] > 0
    assert receiver.has_in_order(3)
    assert caplog.records == []


def test_a_ca_that_is_withdrawn_is_not_trusted_any_more(pki, receiver, volume, agent):
    """An open connection does not outlive the trust in it."""
    exporter = agent({})
    queue(exporter, 0)
    assert exporter.force_flush(20_000)
    volume.write(pki.files() | {"ca.crt": pki.stranger.ca_file.read_bytes()})
    queue(exporter, 1)
    wait_until(lambda: exporter.stats().trouble)
    assert (receiver.has_in_order(1), exporter.stats().trouble) == (True, "network_tls")
    volume.write(pki.files())
    assert exporter.force_flush(20_000)
    assert receiver.has_in_order(2)
