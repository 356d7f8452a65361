"""The HTTP server of ``/metrics``: a few connections at a time, none of them for long."""

from __future__ import annotations

import errno
import re
import sys
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socket import AF_INET6, socket
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

from otel_kubecost.exporters.prometheus.config import Address
from otel_kubecost.exporters.prometheus.page import Page
from otel_kubecost.exporters.series.exposition import CONTENT_TYPE
from otel_kubecost.telemetry import get_logger

MAX_CONNECTIONS = 16
"""At the same time; more are closed at once. Two scrapers need two."""

_PATIENCE = 10.0
"""Seconds that a client may be silent, or take to read its answer."""

_NO_GZIP = re.compile(r"\bgzip\s*;\s*q=0(\.0*)?\s*(,|$)", re.ASCII)
_LANDING = b"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>otel-kubecost</title></head>
<body><h1>otel-kubecost</h1><p><a href="/metrics">Metrics</a></p></body></html>
"""

_log = get_logger(__name__)


class MetricsServer:
    """Serves the page that ``page`` gives, on threads of its own."""

    def __init__(self, address: Address, page: Callable[[], Page]) -> None:
        """Binds the address. Raises OSError, naming the port, where that is not possible."""
        try:
            self._listener = _Listener(address, page)
        except OSError as error:
            raise _explained(error, address) from None
        self._thread = threading.Thread(
            target=self._listener.serve_forever,
            kwargs={"poll_interval": 0.2},
            name="otel-kubecost-metrics",
            daemon=True,
        )
        self._thread.start()

    @property
    def address(self) -> Address:
        """As bound: with the port that the system chose for port 0."""
        host, port = self._listener.server_address[:2]
        return Address(str(host), port)

    def serve(self, page: Callable[[], Page]) -> None:
        """Serve another page from now on."""
        self._listener.page = page

    def close(self) -> None:
        """Stop listening; answers on their way are not waited for."""
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()


def _explained(error: OSError, address: Address) -> OSError:
    if error.errno == errno.EADDRINUSE:
        reason = f"port {address.port} is in use; stop the other process"
    else:
        reason = f"cannot listen on {address.host}:{address.port}: {error.strerror or error}; check"
    remedy = "change exporters.prometheus.endpoint (from the environment: EXPORTER_PORT)"
    return OSError(error.errno, f"{reason} or {remedy}")


class _Listener(ThreadingMixIn, TCPServer):
    """Not the server of ``http.server``: that one asks the DNS for its own name first."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: Address, page: Callable[[], Page]) -> None:
        self.page = page
        self._free = threading.BoundedSemaphore(MAX_CONNECTIONS)
        if ":" in address.host:
            self.address_family = AF_INET6
        super().__init__(address, _Connection)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        _log.debug(f"Closed a connection: {MAX_CONNECTIONS} are open", client=client_address[0])
        self.shutdown_request(request)

    def process_request_thread(
        self, request: socket | tuple[bytes, socket], client_address: Any
    ) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  the base class' signature
        error = sys.exception()
        if isinstance(error, OSError):
            _log.debug(f"A client went away: {error}", client=client_address[0])
        else:
            _log.error("The metrics page could not be served", exc_info=error)


class _Connection(BaseHTTPRequestHandler):
    """One request; the connection ends with its answer, so that idle ones hold no place."""

    protocol_version = "HTTP/1.1"
    server_version = "otel-kubecost"
    sys_version = ""
    timeout = _PATIENCE
    server: _Listener

    def __getattr__(self, name: str) -> Any:
        """One method for all of HTTP's: the base class looks for do_GET, do_POST and so on."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class' name
        _log.debug(f"/metrics: {format % args}", client=self.client_address[0])

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        if self.command not in {"GET", "HEAD"}:
            self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"Use GET.\n", Allow="GET, HEAD")
        elif path == "/metrics":
            self._send_metrics()
        elif path == "/":
            self._send(HTTPStatus.OK, _LANDING, "text/html; charset=utf-8")
        else:
            self._send(HTTPStatus.NOT_FOUND, b"Not here; the metrics are at /metrics.\n")

    def _send_metrics(self) -> None:
        page = self.server.page()
        accepted = self.headers.get("Accept-Encoding", "")
        if "gzip" in accepted and not _NO_GZIP.search(accepted):
            headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            self._send(HTTPStatus.OK, page.compressed(), CONTENT_TYPE, **headers)
        else:
            self._send(HTTPStatus.OK, page.text(), CONTENT_TYPE, Vary="Accept-Encoding")

    def _send(
        self,
        status: HTTPStatus,
        body: bytes,
        content_type: str = "text/plain; charset=utf-8",
        **headers: str,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
