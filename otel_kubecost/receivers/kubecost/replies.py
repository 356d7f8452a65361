"""What an HTTP answer means for a query: data, another path's business, or an error. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlsplit

from otel_kubecost.errors import ScrapeError
from otel_kubecost.http.excerpt import excerpt, is_page, printable
from otel_kubecost.http.failure import FailureKind
from otel_kubecost.http.session import HTTPFailure, Response, Stream
from otel_kubecost.receivers.kubecost.allocation import decode_error, is_answer
from otel_kubecost.receivers.kubecost.stream import AllocationStream
from otel_kubecost.receivers.kubecost.table import RowTable


class TimedOutError(ScrapeError):
    """There was no (whole) answer in time."""


_NOT_THERE = {
    404: "answered 404",
    405: "answered 405",
    501: "answered 501: the product does not have it there",
}


def wrong_path(response: Response) -> str | None:
    """Why the API cannot be at the path that answered so; None where it may be."""
    if response.status in _NOT_THERE:
        return _NOT_THERE[response.status]
    if response.status == HTTPStatus.OK and is_page(response.headers, response.body):
        return None if is_login(response.body) else "answered with an HTML page"
    return None


# A form for a password, a form that posts to a login, or a page with such a title: the page of
# Kubecost's interface has none of them.
_LOGIN = re.compile(
    rb"<input[^>]+type\s*=\s*[\"']?password|<form[^>]+(log-?in|sign-?in|oauth|oidc|saml|sso)"
    rb"|<title>[^<]*(log ?in|log ?on|sign ?in|single sign)",
    re.IGNORECASE,
)
_PAGE_START = 64 * 1024


def is_login(page: bytes) -> bool:
    """Whether an HTML page wants someone to log in."""
    return bool(_LOGIN.search(page[:_PAGE_START]))


class Reply(NamedTuple):
    """An answer to an allocation query."""

    response: Response
    """With the beginning of the body, ``stream.WINDOW`` at least."""
    found: RowTable | ScrapeError | None
    """What its body says; None where the status is no success."""

    @property
    def is_answer(self) -> bool:
        """Whether it is of the allocation API, be it data or an error."""
        return isinstance(self.found, RowTable) or is_answer(self.response.body)


def received(stream: Stream, table: RowTable) -> Reply:
    """The whole answer, read into ``table`` while it arrives. Raises HTTPFailure."""
    if stream.status != HTTPStatus.OK:
        return Reply(Response(stream.status, stream.headers, b"".join(stream.chunks)), None)
    reading = AllocationStream(table)
    found: RowTable | ScrapeError
    try:
        for chunk in stream.chunks:
            reading.feed(chunk)
        found = reading.finish()
    except ScrapeError as error:
        found = error
    return Reply(Response(stream.status, stream.headers, reading.beginning), found)


def read(reply: Reply) -> RowTable:
    """The rows of an answer. Raises NoDataError, ScrapeError."""
    refuse(reply.response)
    if isinstance(reply.found, RowTable):
        return reply.found
    raise reply.found or ScrapeError("Kubecost's answer has no body")


def refuse(response: Response) -> None:
    """Raise the ScrapeError that stands for an answer without data; none for what has some."""
    status, page = response.status, is_page(response.headers, response.body)
    wants_login = page and status == HTTPStatus.OK and is_login(response.body)
    if wants_login or status in {401, 403} or 300 <= status < 400:
        raise ScrapeError(_authentication(response, "a login page" if wants_login else str(status)))
    if status == HTTPStatus.OK:
        return
    if not page:
        decode_error(status, response.body)
    said = excerpt(response.headers, response.body)
    said = f' "{said}"' if said else ""
    meaning = _meaning(status, response.headers)
    raise ScrapeError(f"Kubecost API returned {status}: {_phrase(status)}{said}{meaning}")


def _authentication(response: Response, answer: str) -> str:
    if response.status == HTTPStatus.PERMANENT_REDIRECT:
        return f"Kubecost moved for good{_target(response)}. Set endpoint to where it is now"
    refused = {
        401: "; if auth is set, its credentials are not the right ones",
        403: "; if auth is set, its credentials may not read allocations",
    }.get(response.status, "")
    return (
        f"Kubecost wants authentication: it answered {answer}{_target(response)}. Set"
        " receivers.kubecost.auth (basic_auth, bearer_token_file, api_key_file or oauth2), or an"
        " endpoint in the cluster that is not behind the login, such as the aggregator's port 9004"
        " or 9008"
        f"{refused}"
    )


def _target(response: Response) -> str:
    try:
        location = urlsplit(response.headers.get("Location", ""))
        host = f"{location.scheme}://{location.hostname}" if location.hostname else ""
    except ValueError:  # no URL at all
        return ""
    target = printable(f"{host}{location.path}")
    return f", a redirect to {target}" if target else ""


_BACKEND = "the part of Kubecost behind its frontend does not answer: is its pod running and ready?"
_MEANINGS = {
    429: "Kubecost is asked too often; raise collection_interval",
    502: _BACKEND,
    503: _BACKEND,
    504: "a proxy in front of Kubecost gave up waiting; ask for less (a shorter window, fewer"
    " levels, page_size), or raise its timeout (Kubecost's frontend: frontend.timeoutSeconds)"
    " and timeout here",
}


def _meaning(status: int, headers: Mapping[str, str]) -> str:
    if status not in _MEANINGS:
        return ""
    seconds = headers.get("Retry-After", "")
    wait = f" (it asks for {seconds} s of rest)" if seconds.isdecimal() else ""
    return f"; {_MEANINGS[status]}{wait}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"


def unanswered(failure: HTTPFailure) -> ScrapeError:
    """The error for a request that got no (whole) answer."""
    hint = f"; {failure.hint}" if failure.hint else ""
    text = f"Failed to query Kubecost: {failure}{hint}"
    return TimedOutError(text) if failure.kind is FailureKind.TIMEOUT else ScrapeError(text)
