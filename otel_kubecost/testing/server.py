"""A small HTTP/1.1 server on the loopback interface: what every fake here speaks through.

It is a real server on a real socket, so clients are tested with their own transport: pooled
connections, TLS, time-outs, answers that break off. A handler is a function from ``Request`` to
``Reply``; the misbehaviour that a test asks for is in the reply, or in a script of faults.
"""

from __future__ import annotations

import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler
from socket import SHUT_RDWR, socket
from socketserver import TCPServer, ThreadingMixIn
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qsl, urlsplit

from otel_kubecost.testing.exchange import Handler, Reply, Request
from otel_kubecost.testing.faults import Fault, Script

KEPT_REQUESTS = 1_000
"""``HttpServer.requests`` has the newest so many: a simulation may run for days."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a server certificate and its key."""

    certificate: str
    key: str


class HttpServer:
    """Serves ``handle`` on 127.0.0.1, on a port that the system chooses, while the context lasts.

    Each connection has a thread of its own. Leaving the context breaks connections off and
    returns when every thread has ended. Entering again serves on the same port: that is an outage
    and its end.

    HEAD asks for no work: it meets no script, is not kept and does not count.
    """

    def __init__(self, handle: Handler, *, tls: TlsFiles | None = None) -> None:
        self.requests: list[Request] = []
        """What was asked, in the order in which it was answered, the newest ``KEPT_REQUESTS``."""
        self._handler = handle
        self._tls = tls
        self._port = 0
        self._script = Script()
        self._request_count = 0
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        """``http://127.0.0.1:PORT`` (or https), without a path. Known from the first entry on."""
        if not self._port:
            raise RuntimeError("the server was not started yet; use it in a with statement")
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._server = _Server(self._port, self._answer, _context(self._tls), self._time)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="http-server"
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.break_off()
        self._server.server_close()
        self._thread.join()

    def script(self, faults: Iterable[Fault]) -> None:
        """Let each of the next requests meet one of ``faults`` before normal behaviour returns."""
        self._script.extend(faults)

    @property
    def request_count(self) -> int:
        """How many requests were answered since the first, kept or not."""
        return self._request_count

    def wait_for(self, wanted: int | Callable[[Self], bool], timeout: float = 10.0) -> bool:
        """Wait for a number of requests or for a condition; false after ``timeout`` real seconds.

        A condition is asked after each request, and may use everything here.
        """

        def come() -> bool:
            return self._request_count >= wanted if isinstance(wanted, int) else wanted(self)

        with self._changed:
            return self._changed.wait_for(come, timeout)

    def _time(self) -> float:
        """What the ``Date`` of every answer says, in seconds since the epoch."""
        return time.time()

    def _answer(self, request: Request) -> Reply:
        """What the handler makes of ``request``, or the script; kept, whatever it is."""
        if request.method == "HEAD":
            return self._handler(request)
        reply = self._script.answer(partial(self._handler, request))
        with self._changed:
            self.requests.append(request)
            del self.requests[:-KEPT_REQUESTS]
            self._request_count += 1
            self._changed.notify_all()
        return reply


def _context(tls: TlsFiles | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    return context


class _Server(ThreadingMixIn, TCPServer):
    """Keeps the open connections, so that none outlives the server."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        handle: Handler,
        context: ssl.SSLContext | None,
        time: Callable[[], float],
    ) -> None:
        self.handle = handle
        self.time = time
        self.closing = threading.Event()
        self._context = context
        self._open: set[socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Connection)

    def get_request(self) -> tuple[socket, Any]:
        connection, address = super().get_request()
        if self._context:
            # The handshake waits for the thread of the connection: here it would stop the others.
            connection = self._context.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket | tuple[bytes, socket]) -> None:
        with self._lock:
            self._open.discard(cast("socket", request))
        super().shutdown_request(request)

    def break_off(self) -> None:
        self.closing.set()
        with self._lock:
            for connection in self._open:
                _shut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is a defect of the handler."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _shut(connection: socket) -> None:
    """End a connection that another thread may be reading from, unless the client was faster."""
    with suppress(OSError):
        # SSLSocket.shutdown would take the TLS state away under that thread.
        socket.shutdown(connection, SHUT_RDWR)


class _Connection(BaseHTTPRequestHandler):
    """The requests of one connection, one after another."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def __getattr__(self, name: str) -> Any:
        """One method for all of HTTP's: the base class looks for do_GET, do_POST and so on."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class' name
        """Silence: what was served is kept, not printed."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The base class asks without an argument, for ``Date``."""
        return super().date_time_string(self.server.time() if timestamp is None else timestamp)

    def _answer(self) -> None:
        target = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=target.path,
            query=dict(parse_qsl(target.query, keep_blank_values=True)),
            headers=cast("HTTPMessage", self.headers),
            body=self._body(),
        )
        self._send(self.server.handle(request))

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._chunk, b""))
        return self._read(int(self.headers.get("Content-Length", 0)))

    def _chunk(self) -> bytes:
        data = self._read(int(self.rfile.readline().partition(b";")[0], 16))
        self.rfile.readline()
        return data

    def _read(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionResetError("the client left in the middle of a body")
        return data

    def _send(self, reply: Reply) -> None:
        if reply.hang:
            self.server.closing.wait()
        if self.server.closing.is_set():
            self.close_connection = True
            return
        self.send_response(reply.status)
        self._send_headers(reply)
        if self.command != "HEAD":
            self._send_body(reply)

    def _send_headers(self, reply: Reply) -> None:
        if reply.status != 204:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_body(self, reply: Reply) -> None:
        body = reply.body[: reply.cut_after]
        if reply.drip:
            self._drip(body, reply.drip)
        else:
            self.wfile.write(body)
        if reply.cut_after is not None:
            self.close_connection = True

    def _drip(self, body: bytes, pause: float) -> None:
        for byte in body:
            self.wfile.write(bytes([byte]))
            if self.server.closing.wait(pause):
                return
