"""The one HTTP client: what every request of this package goes through.

It is a transport of ``requests`` without a ``Session``. What a session adds (redirects, cookies,
``~/.netrc``, proxies and CA bundles of the environment) is what must not happen here:
credentials go where the configuration says, or nowhere.
"""

from __future__ import annotations

import importlib.metadata
import os
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, NamedTuple

import requests
from opentelemetry import context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from requests.adapters import HTTPAdapter

from otel_kubecost.clock import Deadline
from otel_kubecost.http.concealing import conceal_queries
from otel_kubecost.http.config import HTTPOptions
from otel_kubecost.http.credentials import Credentials
from otel_kubecost.http.deadline import POOLS, READ_SIZE, keeping
from otel_kubecost.http.decoding import capped, decoded
from otel_kubecost.http.failure import FailureKind, HTTPFailure, foreign_errors_explained
from otel_kubecost.http.masking import without_secrets
from otel_kubecost.http.oauth2 import ClientCredentials
from otel_kubecost.http.tls import TLS

__all__ = ["FailureKind", "HTTPClient", "HTTPFailure", "Response", "Stream"]

MIB = 1 << 20
_CONNECTIONS = 64
"""Kept to one peer at most: there are as many as requests were ever under way at the same time."""
_ANSWER_LIMIT = 64 * 1024
"""Bytes read of the answer to a POST: enough for any reason that a receiver gives."""


class Response(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes
    """Of an answer that is no success: without the credentials of its request and its URL."""


class Stream(NamedTuple):
    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    chunks: Iterator[bytes]
    """The decoded body as it arrives. Raises HTTPFailure."""


class HTTPClient:
    """Requests to one peer over connections that are kept. Safe to use from several threads.

    Every request has one deadline, from looking up the host to the last byte of the answer
    (``options.timeout`` seconds, or ``timeout`` where a call gives it); fetching a token is part
    of it, what is done between two chunks is not. A request that is answered 401 is sent once more
    where a new token can be had. Redirects are answers like any other and are not followed. Nothing
    but ``HTTPFailure`` is raised.
    """

    def __init__(
        self,
        options: HTTPOptions,
        *,
        max_decoded_bytes: int = 256 * MIB,
        max_wire_bytes: int | None = None,
        kept_peers: int = 2,
    ) -> None:
        """An answer that is larger when it is decompressed is a failure of kind ``too_large``.

        So is one that is larger than ``max_wire_bytes`` (None: as decoded) as it is sent.
        """
        conceal_queries()
        self._options = options
        self._max_decoded_bytes = max_decoded_bytes
        self._max_wire_bytes = max_decoded_bytes if max_wire_bytes is None else max_wire_bytes
        self._tokens = _token_client(options)
        self._credentials = Credentials(options, self._client_credentials())
        self._adapter = _Adapter(TLS(options.tls_config), kept_peers)
        proxy = options.proxy_url.get_secret_value() if options.proxy_url else None
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._proxy_headers = self._adapter.proxy_headers(proxy) if proxy else {}
        self._process = os.getpid()

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """GET ``url`` and read the whole answer."""
        request = requests.Request("GET", url, params=dict(params or {}), headers=headers)
        return self._whole(request, timeout, b"".join)

    def head(self, url: str, *, timeout: float | None = None) -> Response:
        """HEAD ``url``, for the headers of an answer that has no body."""
        with self._exchange(requests.Request("HEAD", url), timeout) as stream:
            return Response(stream.status, stream.headers, b"")

    @contextmanager
    def open(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Iterator[Stream]:
        """GET ``url`` and give the answer's chunks as they arrive; what is not read is dropped.

        Of an answer that is no success there are 64 KiB at most, without its request's credentials.
        """
        request = requests.Request("GET", url, params=dict(params or {}), headers=headers)
        with self._exchange(request, timeout) as stream:
            chunks = stream.chunks
            if stream.status >= 300:
                chunks = iter([self._harmless(_beginning(chunks), request)])
            yield stream._replace(chunks=chunks)

    def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
        is_quoted: bool = False,
    ) -> Response:
        """POST ``body``.

        The answer's body is read as far as it goes, 64 KiB at most: once there is a status, no
        trouble with the rest can change what happened. ``is_quoted``: of a success it is without
        the credentials as well.
        """
        request = requests.Request("POST", url, data=body, headers=headers)
        return self._whole(request, timeout, _beginning, is_quoted=is_quoted)

    def close(self) -> None:
        """Close the idle connections. The client stays usable."""
        self._adapter.close()
        if self._tokens:
            self._tokens.close()

    def _client_credentials(self) -> ClientCredentials | None:
        oauth2 = self._options.oauth2
        return ClientCredentials(oauth2, self._tokens.post) if oauth2 and self._tokens else None

    def _whole(
        self,
        request: requests.Request,
        timeout: float | None,
        joined: Callable[[Iterator[bytes]], bytes],
        *,
        is_quoted: bool = False,
    ) -> Response:
        """Refusals are quoted in logs, and some repeat what they refuse."""
        with self._exchange(request, timeout) as stream:
            body = joined(stream.chunks)
        if is_quoted or stream.status >= 300:
            body = self._harmless(body, request)
        return Response(stream.status, stream.headers, body)

    def _harmless(self, body: bytes, request: requests.Request) -> bytes:
        sent = {**request.headers, **self._proxy_headers}
        return without_secrets(body, sent, request.url)

    @contextmanager
    def _exchange(self, request: requests.Request, timeout: float | None) -> Iterator[Stream]:
        deadline = Deadline(self._options.timeout if timeout is None else timeout)
        answer = self._send(request, deadline)
        try:
            chunks = self._body(answer, request.url, deadline)
            yield Stream(answer.status_code, answer.headers, chunks)
        finally:
            _release(answer)

    def _send(self, request: requests.Request, deadline: Deadline) -> requests.Response:
        answer = self._send_once(request, deadline)
        if answer.status_code == 401 and self._credentials.renewed(answer.request.headers):
            _release(answer)
            answer = self._send_once(request, deadline)
        return answer

    def _send_once(self, request: requests.Request, deadline: Deadline) -> requests.Response:
        seconds = deadline.seconds
        if self._process != os.getpid():
            self.close()  # after a fork what is kept is the parent's, who speaks on it too
            self._process = os.getpid()
        request.headers = self._headers(request.headers, deadline)
        with foreign_errors_explained(request.url, seconds), keeping(deadline), _unobserved():
            return self._adapter.send(
                request.prepare(), stream=True, timeout=seconds, proxies=self._proxies
            )

    def _headers(self, of_call: Mapping[str, str], deadline: Deadline) -> dict[str, str]:
        return {
            "User-Agent": user_agent(),
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            **self._options.headers,
            **of_call,
            **self._credentials.headers(deadline.left()),
        }

    def _body(self, answer: requests.Response, url: str, deadline: Deadline) -> Iterator[bytes]:
        encoding = answer.headers.get("Content-Encoding", "")
        wire = capped(_arriving(answer.raw, deadline), self._max_wire_bytes, "bytes")
        with foreign_errors_explained(url, deadline.seconds):
            yield from capped(decoded(wire, encoding), self._max_decoded_bytes, "decoded bytes")


def _token_client(options: HTTPOptions) -> HTTPClient | None:
    """What talks to ``token_url``: nothing of the peer's own options is for it."""
    if options.oauth2 is None:
        return None
    peer = {"tls_config": options.oauth2.tls_config, "proxy_url": options.oauth2.proxy_url}
    return HTTPClient(HTTPOptions.model_validate(peer))


def _release(answer: requests.Response) -> None:
    answer.raw.close()
    answer.raw.release_conn()


def _arriving(raw: Any, deadline: Deadline) -> Iterator[bytes]:
    """What is there, as soon as it is there."""
    while chunk := raw.read1(READ_SIZE, decode_content=False):
        with deadline.paused():
            yield chunk


def _beginning(chunks: Iterable[bytes]) -> bytes:
    kept = b""
    with suppress(HTTPFailure):
        for chunk in chunks:
            kept += chunk
            if len(kept) >= _ANSWER_LIMIT:
                break
    return kept[:_ANSWER_LIMIT]


@cache
def user_agent() -> str:
    return f"otel-kubecost/{importlib.metadata.version('otel-kubecost')}"


@contextmanager
def _unobserved() -> Iterator[None]:
    """No telemetry about sending telemetry: a host's instrumentation of urllib3 stays out."""
    token = context.attach(context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        yield
    finally:
        context.detach(token)


class _Adapter(HTTPAdapter):
    """The transport of ``requests`` with our connections and our TLS context."""

    def __init__(self, tls: TLS, kept_peers: int) -> None:
        self._tls = tls
        self._proxy_context: ssl.SSLContext | None = None
        super().__init__(pool_connections=kept_peers, pool_maxsize=_CONNECTIONS)

    def init_poolmanager(self, *args: Any, **keywords: Any) -> None:
        super().init_poolmanager(*args, **keywords)
        self.poolmanager.pool_classes_by_scheme = POOLS

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        """The manager of ``proxy`` is kept for as long as the context for it."""
        if proxy.startswith("https"):
            context = keywords["proxy_ssl_context"] = self._tls.context()
            if context is not self._proxy_context:
                self.proxy_manager.clear()
                self._proxy_context = context
        manager = super().proxy_manager_for(proxy, **keywords)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """A context made anew is another key, and so another pool."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] != "https":
            return host, {}
        return host, {"ssl_context": self._tls.context(), "server_hostname": self._tls.server_name}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing: the context alone decides, not an argument or the environment."""
