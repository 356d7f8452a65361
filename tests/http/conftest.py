"""Peers for the HTTP client: certificates, and servers below HTTP's own rules."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from authority import Authority

from otel_kubecost.http.config import HTTPOptions
from otel_kubecost.http.session import HTTPClient

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


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")
