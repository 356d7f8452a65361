"""Peers for the HTTP client: certificates, and servers below HTTP's own rules."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import trustme

from otel_kubecost.http.config import HTTPOptions
from otel_kubecost.http.session import HTTPClient
from otel_kubecost.testing import TlsFiles

Speaker = Callable[[socket.socket], None]


def http_client(max_wire_bytes: int = 1 << 20, max_decoded_bytes: int = 1 << 20, **options):
    """A client with small limits and a deadline that a test can wait for."""
    return HTTPClient(
        HTTPOptions.model_validate({"timeout": 10, **options}),
        max_wire_bytes=max_wire_bytes,
        max_decoded_bytes=max_decoded_bytes,
    )


@pytest.fixture
def client():
    """The class' constructor with the options of a test as keywords."""
    with ExitStack() as stack:

        def make(**keywords):
            made = http_client(**keywords)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def speak() -> Iterator[Callable[[Speaker], int]]:
    """Starts a server that lets a function have each connection; returns its port."""
    with ExitStack() as stack:

        def start(speaker: Speaker) -> int:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            opened = [listener]
            thread = threading.Thread(target=_accept, args=(listener, speaker, opened), daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(_shut_all, opened)
            return listener.getsockname()[1]

        yield start


def _accept(listener: socket.socket, speaker: Speaker, opened: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            opened.append(connection)
            with connection, suppress(OSError):
                speaker(connection)


def _shut_all(opened: list[socket.socket]) -> None:
    for one in opened:
        with suppress(OSError):  # closed already
            one.shutdown(socket.SHUT_RDWR)


class Authority:
    """A certificate authority whose PEM files are in a folder of the test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)

    def issue(self, *names: str, **validity) -> TlsFiles:
        """A server's or a client's certificate for ``names``."""
        issued = self._ca.issue_cert(*names, **validity)
        certificate = self._folder / f"{len(list(self._folder.iterdir()))}.pem"
        key = certificate.with_suffix(".key")
        certificate.write_bytes(b"".join(one.bytes() for one in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        return TlsFiles(str(certificate), str(key))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "authority"
    folder.mkdir()
    return Authority(folder)
