"""Connections that keep one deadline for a whole request.

A socket's timeout bounds one operation. A peer that sends a byte now and then is never late for
it and can hold a request for ever, even in its headers. Here each operation gets what is left of
the request's time: each address tried, each piece sent, each piece of the answer. Only looking
up the name is left to the resolver's own limits (``timeout`` and ``attempts`` of resolv.conf).

A server may close a kept connection just when it is used again. Such a request is sent once more,
within the same time: no byte of an answer came, and all requests of this package can be repeated.
"""

from __future__ import annotations

import http
import http.client
import io
import socket
import ssl
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import urllib3.exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from otel_kubecost.clock import Deadline

READ_SIZE = 512 * 1024
"""Of a body at once: what a socket has by then costs less in few pieces."""
_LINES_SIZE = 64 * 1024
"""Of what is read ahead with a line, a header or where a chunk begins."""


_current: ContextVar[Deadline] = ContextVar("deadline")
"""Set around a request: urllib3 has no other way down to a connection that it took from a pool."""


def remaining(deadline: Deadline) -> float:
    """Seconds left, more than none. Raises TimeoutError when the moment has come."""
    left = deadline.left()
    if not left:
        raise TimeoutError("the time for the request is over")
    return left


@contextmanager
def keeping(deadline: Deadline) -> Iterator[None]:
    """Hold every connection that is used within to ``deadline``, and the answer beyond that."""
    token = _current.set(deadline)
    try:
        yield
    finally:
        _current.reset(token)


def is_kept() -> bool:
    """Whether a connection that is used here and now is held to a deadline."""
    return _current.get(None) is not None


class _UnansweredError(ConnectionResetError):
    """The connection ended before the first byte of an answer."""


class _StaleError(_UnansweredError):
    """And it had brought an answer before."""


class _TimedReads(io.RawIOBase):
    """The reading side of a socket."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._raw: Any = connection.makefile("rb", buffering=0)
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.settimeout(remaining(self._deadline))
        try:
            count: int | None = self._raw.readinto(buffer)
        except ConnectionError as error:
            if self._begun:
                raise
            raise _UnansweredError("reset without an answer") from error
        if not count and not self._begun:
            raise _UnansweredError("closed without an answer")
        self._begun = True
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Lines(io.BufferedReader):
    """Refuses a line that the end of the connection cut: http.client takes it for the last."""

    def readline(self, size: int | None = -1) -> bytes:
        line = super().readline(size)
        if not line.endswith(b"\n") and len(line) != size:
            raise ConnectionResetError("closed within a line")
        return line


class _Answering:
    """What ``http.client`` asks of a socket that it reads an answer from."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def makefile(self, _: str) -> io.BufferedReader:
        return _Lines(_TimedReads(self._connection, _current.get()), _LINES_SIZE)


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **keywords: Any) -> None:
        super().__init__(_Answering(sock), *args, **keywords)  # type: ignore[arg-type]

    def begin(self) -> None:
        """Go on to the final answer: http.client skips 100 only, not 102 and 103 (RFC 9110, 15.2).

        101 is final: another protocol would follow it.
        """
        super().begin()
        while 100 < self.status < 200 and self.status != http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.headers = None  # type: ignore[assignment]
            super().begin()


class _Connection(HTTPConnection):
    response_class = _Response
    _has_answered = False

    def connect(self) -> None:
        self._has_answered = False
        super().connect()

    def getresponse(self) -> Any:
        try:
            answer = super().getresponse()
        except _UnansweredError as error:
            raise _StaleError(*error.args) if self._has_answered else error from None
        self._has_answered = True
        return answer

    def _new_conn(self) -> socket.socket:
        try:
            addresses = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
            connection = self._connect_any([(address[0], address[4]) for address in addresses])
        except socket.gaierror as error:
            raise urllib3.exceptions.NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise urllib3.exceptions.ConnectTimeoutError(self, "no connection in time") from error
        except OSError as error:
            raise urllib3.exceptions.NewConnectionError(self, "no connection") from error
        sys.audit("http.client.connect", self, self.host, self.port)
        return connection

    def _connect_any(self, addresses: Sequence[tuple[int, Any]]) -> socket.socket:
        """The first address that answers; each may take its share of the time that is left."""
        deadline, last = _current.get(), OSError("the name has no address")
        for tried, (family, address) in enumerate(addresses):
            connection = socket.socket(family, socket.SOCK_STREAM)
            try:
                connection.settimeout(remaining(deadline) / (len(addresses) - tried))
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.connect(address)
                connection.settimeout(remaining(deadline))
            except OSError as error:
                connection.close()
                last = error
            else:
                return connection
        raise last

    def send(self, data: Any) -> None:
        """A peer that closed early may have said why: urllib3 reads that after BrokenPipeError."""
        if self.sock is None:
            self.connect()
        deadline, left = _current.get(), memoryview(data)
        try:
            while left:
                self.sock.settimeout(remaining(deadline))
                left = left[self.sock.send(left) :]
        except ConnectionResetError as error:
            raise BrokenPipeError("reset while the request was sent") from error


class _TLSConnection(_Connection, HTTPSConnection):
    """The handshake keeps the timeout that the connected socket has."""

    def send(self, data: Any) -> None:
        """With TLS 1.3 a client's certificate is refused only here."""
        try:
            super().send(data)
        except ssl.SSLEOFError as error:
            raise BrokenPipeError("closed while the request was sent") from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection

    def urlopen(self, *args: Any, **keywords: Any) -> Any:
        try:
            return super().urlopen(*args, **keywords)
        except urllib3.exceptions.ProtocolError as error:
            if not any(isinstance(cause, _StaleError) for cause in error.args):
                raise
        return super().urlopen(*args, **keywords)


class _TLSPool(_Pool, HTTPSConnectionPool):
    ConnectionCls = _TLSConnection

    def _validate_conn(self, conn: Any) -> None:
        """Connect, without urllib3's warning on every unverified request: we say it once."""
        if conn.is_closed:
            conn.connect()


POOLS: dict[str, Any] = {"http": _Pool, "https": _TLSPool}
"""For ``pool_classes_by_scheme`` of urllib3's PoolManager."""
