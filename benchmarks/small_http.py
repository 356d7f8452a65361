"""HTTP/1.1 as far as the stand-ins need it: a thread a connection, on the bare socket.

An ``http.server`` takes as much CPU as some of the senders; on two cores that would be measured.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import IO, Any, NamedTuple, TypeAlias
from urllib.parse import parse_qsl, urlsplit


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    body: bytes


class Reply(NamedTuple):
    status: int
    body: bytes = b""
    is_chunked: bool = False
    """Sent as one chunk, which is what Go makes of one large write."""
    content_type: str = "application/json"
    encoding: str = ""


Answer: TypeAlias = Callable[[Request], Reply]


def as_json(document: Any) -> Reply:
    return Reply(200, json.dumps(document).encode())


def serve(
    port: int,
    answer: Answer,
    sent: Callable[[Request], None] = lambda _: None,
    host: str = "127.0.0.1",
) -> None:
    """Answer requests until the process ends; ``sent`` is called after each."""
    listener = socket.create_server((host, port), backlog=64)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_talk, args=(connection, answer, sent), daemon=True).start()


def _talk(connection: socket.socket, answer: Answer, sent: Callable[[Request], None]) -> None:
    with connection, connection.makefile("rb") as stream:
        try:
            while request := _read(stream):
                _write(connection, request.method, answer(request))
                sent(request)
        except OSError:
            return  # the client went away


def _read(stream: IO[bytes]) -> Request | None:
    """None at the end of the connection. Who sends a body says its length."""
    words = stream.readline().split()
    if len(words) != 3:
        return None
    length = 0
    while (line := stream.readline().strip()) != b"":
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    target = urlsplit(words[1].decode())
    body = stream.read(length) if length else b""
    return Request(words[0].decode(), target.path, dict(parse_qsl(target.query)), body)


def _write(connection: socket.socket, method: str, reply: Reply) -> None:
    head = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    head.append(f"Date: {formatdate(usegmt=True)}")
    if reply.status != HTTPStatus.NO_CONTENT:
        head.append(f"Content-Type: {reply.content_type}")
        head += [f"Content-Encoding: {reply.encoding}"] if reply.encoding else []
        size = len(reply.body)
        head.append("Transfer-Encoding: chunked" if reply.is_chunked else f"Content-Length: {size}")
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    if method == "HEAD":
        return
    if reply.is_chunked:
        connection.sendall(b"%x\r\n" % len(reply.body))
    connection.sendall(reply.body)
    if reply.is_chunked:
        connection.sendall(b"\r\n0\r\n\r\n")
