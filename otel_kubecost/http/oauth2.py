"""Tokens by OAuth2 client credentials (RFC 6749, 4.4), fetched when they are needed."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote_plus, urlencode

from otel_kubecost.clock import Deadline
from otel_kubecost.http.config import OAuth2, shown_url
from otel_kubecost.http.credentials import SecretFile
from otel_kubecost.http.failure import HTTPFailure
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_MARGIN = 10.0
"""Seconds that a token is not used before its end, as in Go's oauth2; of a short life half."""


class Answer(Protocol):
    """What the token endpoint said."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...


class Post(Protocol):
    """Sends a POST, and raises HTTPFailure where there is no answer."""

    def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], *, timeout: float
    ) -> Answer: ...


class _Grant(NamedTuple):
    token: str
    end: float
    """On the clock ``now``."""
    secret: str
    """That it was granted for: another secret in the file, and another token is fetched."""


class ClientCredentials:
    """The tokens of one ``oauth2`` block. Safe to use from several threads: one fetches for all."""

    def __init__(
        self, options: OAuth2, post: Post, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._options = options
        self._post = post
        self._now = now
        self._lock = threading.Lock()
        self._grant: _Grant | None = None
        self._refused = ""
        self._in_body = False
        file = options.client_secret_file
        self._file = SecretFile("oauth2.client_secret_file", file) if file else None

    def token(self, timeout: float) -> str:
        """A token that has not ended, fetched within ``timeout`` seconds if need be.

        Raises HTTPFailure.
        """
        deadline = Deadline(timeout)
        if not self._lock.acquire(timeout=timeout):
            raise HTTPFailure("timeout", "no token of oauth2 in time", "raise timeout")
        try:
            secret = self._secret()
            if self._grant is None or not self._is_good(self._grant, secret):
                self._grant = self._fetched(secret, deadline)
                self._refused = ""
            return self._grant.token
        finally:
            self._lock.release()

    def forget(self, token: str) -> None:
        """Fetch another for the next request, unless that was done meanwhile."""
        self._refused = token

    def _is_good(self, grant: _Grant, secret: str) -> bool:
        renewed = grant.secret != secret or grant.token == self._refused
        return not renewed and self._now() < grant.end

    def _secret(self) -> str:
        inline = self._options.client_secret
        if inline is not None:
            return inline.get_secret_value()
        return self._file.read() if self._file else ""

    def _fetched(self, secret: str, deadline: Deadline) -> _Grant:
        before = self._now()
        answer = self._asked(secret, deadline)
        url = shown_url(self._options.token_url)
        if answer.status != 200:
            raise _refusal(answer, url)
        token, lifetime = _granted(answer.body, url)
        _log.debug("Fetched a token of oauth2", endpoint=url, lifetime=lifetime)
        return _Grant(token, before + lifetime - min(_MARGIN, lifetime / 2), secret)

    def _asked(self, secret: str, deadline: Deadline) -> Answer:
        """Servers have to take a client's secret in a header; some take it in the body only."""
        first = self._ask(secret, deadline, in_body=self._in_body)
        if first.status not in {400, 401}:
            return first
        second = self._ask(secret, deadline, in_body=not self._in_body)
        if second.status == 200:
            self._in_body = not self._in_body
            return second
        return second if _error(first) == "invalid_client" else first

    def _ask(self, secret: str, deadline: Deadline, *, in_body: bool) -> Answer:
        options = self._options
        form = {"grant_type": "client_credentials", **options.endpoint_params}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        if options.scopes:
            form["scope"] = " ".join(options.scopes)
        if in_body:
            form |= {"client_id": options.client_id, "client_secret": secret}
        else:
            pair = f"{quote_plus(options.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        try:
            body, left = urlencode(form).encode(), round(deadline.left(), 1)
            return self._post(options.token_url, body, headers, timeout=left)
        except HTTPFailure as failure:
            raise _named(failure) from None


def _named(failure: HTTPFailure) -> HTTPFailure:
    """It is not the peer that failed, nor the peer's options that could mend it."""
    what, hint = (
        re.sub(r"\b(tls_config|proxy_url)\b", r"oauth2.\1", text)
        for text in (str(failure), failure.hint)
    )
    return HTTPFailure(failure.kind, f"no token of oauth2: {what}", hint)


_REMEDIES = {
    "invalid_client": "check oauth2.client_id and its secret",
    "unauthorized_client": "let the server allow this client the grant client_credentials",
    "unsupported_grant_type": "let the server allow the grant client_credentials",
    "invalid_scope": "check oauth2.scopes",
    "invalid_request": "check oauth2.scopes and endpoint_params",
}
"""By the error codes of RFC 6749, 5.2. No other text of the answer is shown: it may repeat what
was sent."""


def _refusal(answer: Answer, url: str) -> HTTPFailure:
    error = _error(answer)
    what = f"the server answered {answer.status} {error}".strip()
    hint = _REMEDIES.get(error) or _remedy(answer.status)
    return HTTPFailure("other", f"no token of oauth2: {what} ({url})", hint)


def _error(answer: Answer) -> str:
    error = _fields(answer.body).get("error")
    return error if isinstance(error, str) and error in _REMEDIES else ""


def _remedy(status: int) -> str:
    if status in {401, 403}:
        return _REMEDIES["invalid_client"]
    if status >= 500 or status == 429:
        return "the server has to recover; it is asked again"
    return "check oauth2.token_url: redirects are not followed"


def _granted(body: bytes, url: str) -> tuple[str, float]:
    """Token and seconds that it lives, without end where the server does not say."""
    fields = _fields(body)
    token, kind = fields.get("access_token"), fields.get("token_type") or "Bearer"
    if not isinstance(token, str) or not token:
        hint = "check oauth2.token_url: it has to answer with JSON of RFC 6749, 5.1"
        raise HTTPFailure("other", f"no token of oauth2: none is in the answer ({url})", hint)
    if str(kind).lower() != "bearer":
        hint = "let the server issue bearer tokens"
        raise HTTPFailure("other", f"the token of oauth2 is no bearer token ({url})", hint)
    return token, _lifetime(fields.get("expires_in"))


def _lifetime(value: Any) -> float:
    """Some servers write the number as text; none, or nothing above 0, is no end."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return float("inf")
    return seconds if seconds > 0 else float("inf")


def _fields(body: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}
