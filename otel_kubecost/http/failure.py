"""What went wrong below HTTP, in words that name the cause and the remedy."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any, TypeAlias

import requests
import urllib3.exceptions

from otel_kubecost.errors import OtelKubecostError
from otel_kubecost.http.config import shown_url


class FailureKind(StrEnum):
    DNS = "dns"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    TLS = "tls"
    PROXY = "proxy"
    RESET = "reset"
    TOO_LARGE = "too_large"
    UNREADABLE = "file_unreadable"
    """A file with a credential or a certificate."""
    OTHER = "other"


class HTTPFailure(OtelKubecostError):  # noqa: N818  its kinds are failures, and so are the words
    """A request has no (whole) answer. ``hint`` says what to look at; may be empty."""

    def __init__(self, kind: FailureKind | str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.kind = FailureKind(kind)
        self.hint = hint


@contextmanager
def foreign_errors_explained(url: str, timeout: float) -> Iterator[None]:
    """Let nothing out but ``HTTPFailure``. ``timeout`` (seconds) is for its message."""
    try:
        yield
    except (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        http.client.HTTPException,
        OSError,
        ValueError,
    ) as error:
        raise explain(error, shown_url(url), timeout) from None


def explain(error: BaseException, url: str, timeout: float) -> HTTPFailure:
    """The failure that ``error``, or what caused it, stands for. ``url`` is shown as it is."""
    causes = list(_causes(error))
    for kinds, describe in _RULES:
        for cause in causes:
            if isinstance(cause, kinds):
                kind, message, hint = describe(cause)
                text = message.replace("{timeout}", f"{timeout:g} s")
                return HTTPFailure(kind, f"{text} ({url})", hint)
    return HTTPFailure("other", f"the request failed with {type(error).__name__} ({url})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """``error`` and every error that it carries: requests and urllib3 wrap them in many ways."""
    seen: list[BaseException] = []
    ahead: list[object] = [error]
    while ahead:
        cause = ahead.pop()
        if isinstance(cause, BaseException) and cause not in seen:
            seen.append(cause)
            ahead += [*cause.args, getattr(cause, "reason", None), cause.__cause__]
            yield cause


Description: TypeAlias = tuple[str, str, str]
"""Kind, message and hint."""


def _says(kind: str, message: str, hint: str = "") -> Callable[[Any], Description]:
    return lambda _: (kind, message, hint)


_CERTIFICATE = {
    9: ("is not valid yet", "compare the clocks of both sides"),
    10: ("has expired", "it has to be renewed on the server"),
    18: ("is self-signed", "name its CA in tls_config.ca_file"),
    19: ("comes from an unknown CA", "name that CA in tls_config.ca_file"),
    20: ("comes from an unknown CA", "name that CA in tls_config.ca_file"),
    62: ("is for another host", "check the host, or set tls_config.server_name"),
    64: ("is for another address", "use the host's name, or set tls_config.server_name"),
}
"""By OpenSSL's X509_V_ERR number."""


_HANDSHAKE = {
    "WRONG_VERSION_NUMBER": "the port speaks plain http; change the scheme or the port",
    "UNSUPPORTED_PROTOCOL": "the server is older than tls_config.min_version",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the server is older than tls_config.min_version",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "set tls_config.cert_file and key_file",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "the server may want tls_config.cert_file and key_file",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the server refuses tls_config.cert_file, or wants one",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "tls_config.cert_file has to be renewed",
    "SSLV3_ALERT_CERTIFICATE_REVOKED": "tls_config.cert_file has to be renewed",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the server does not accept tls_config.cert_file",
    "TLSV1_ALERT_UNKNOWN_CA": "the server does not know the CA of tls_config.cert_file",
}
"""By OpenSSL's reason. An alert is what the server says, so one on certificates is about ours."""


def _certificate(error: ssl.SSLCertVerificationError) -> Description:
    unknown = (f"is not trusted: {error.verify_message}", "check tls_config.ca_file")
    what, hint = _CERTIFICATE.get(error.verify_code, unknown)
    return "tls", f"the server's certificate {what}", hint


def _handshake(error: ssl.SSLError) -> Description:
    reason = (error.reason or type(error).__name__).replace("_", " ").lower()
    hint = _HANDSHAKE.get(error.reason, "check tls_config, and that the port speaks TLS")
    return "tls", f"TLS failed: {reason}", hint


def _proxy(error: urllib3.exceptions.ProxyError) -> Description:
    """What a proxy says to CONNECT is foreign text; its status is enough."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            _, what, hint = _certificate(cause)
            return "proxy", what.replace("server's", "proxy's"), hint
    status = re.search(r"Tunnel connection failed: (\d+)", str(error))
    what = f"answered {status[1]}" if status else "cannot be reached"
    return "proxy", f"the proxy {what}", "check proxy_url"


_BROKEN_OFF = _says("reset", "the connection was closed before the answer was whole")

_RULES: tuple[tuple[Any, Callable[[Any], Description]], ...] = (
    (urllib3.exceptions.ProxyError, _proxy),
    (
        socket.gaierror,
        _says("dns", "the host name is not known", "check its spelling and the namespace"),
    ),
    (
        ConnectionRefusedError,
        _says("refused", "connection refused", "nothing listens there: check host and port"),
    ),
    (
        urllib3.exceptions.NewConnectionError,
        _says("other", "no route to the host", "check its address and the network"),
    ),
    (
        urllib3.exceptions.ConnectTimeoutError,
        _says(
            "timeout",
            "no connection within {timeout}",
            "a firewall or a NetworkPolicy may drop the packets",
        ),
    ),
    (ssl.SSLCertVerificationError, _certificate),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError), _BROKEN_OFF),
    (ssl.SSLError, _handshake),
    (
        TimeoutError,
        _says("timeout", "no whole answer within {timeout}", "raise timeout, or ask for less"),
    ),
    ((ConnectionError, http.client.HTTPException), _BROKEN_OFF),
    (urllib3.exceptions.ProtocolError, _BROKEN_OFF),
)
"""The first that fits any cause decides; urllib3 derives NewConnectionError from a timeout."""
