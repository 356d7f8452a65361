"""Lists and watches of one kind in one namespace, as the API server answers them [I/O]."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

from msgspec import MsgspecError
from msgspec.json import Decoder, decode

from otel_kubecost.http.config import shown_url
from otel_kubecost.http.excerpt import excerpt, printable
from otel_kubecost.http.session import HTTPClient, HTTPFailure
from otel_kubecost.receivers.prometheus.discovery.kubernetes.kinds import Changed, Kind, Listed
from otel_kubecost.receivers.prometheus.discovery.kubernetes.objects import Event, Object, Status
from otel_kubecost.receivers.prometheus.discovery.kubernetes.options import Selector

_PAGE = 500
"""Objects of one answer to a list: some megabytes, which are gone before the next."""
_GRACE = 15.0
"""Seconds that a watch may take beyond the time that the server was asked to end it after."""
_LIST_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip"}
_WATCH_HEADERS = {"Accept": "application/json"}

_REMEDIES: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "the token is missing, has expired or is for another cluster; look at "
    "automountServiceAccountToken of the pod, or at authorization",
    HTTPStatus.FORBIDDEN: "allow list and watch of it, as config/kubernetes/rbac.yaml does, or "
    "name the namespaces that are allowed in namespaces.names",
    HTTPStatus.NOT_FOUND: "look at api_server: is it the URL of a Kubernetes API server?",
}
_NOT_OF_THE_VERSION = {
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
}
"""Any other refusal of a watch may be: 504 says that a version is ahead of a restored etcd."""
_EVENTS = Decoder(Event)


class ApiError(Exception):
    """The API server does not give what it was asked for."""

    def __init__(self, message: str, hint: str = "", sort: str = "") -> None:
        """Errors of one ``sort`` are the same to whoever reads of them."""
        super().__init__(message)
        self.hint = hint
        self.sort = sort


class LostError(ApiError):
    """There is no going on from the version that was given: everything has to be listed again."""


class News(NamedTuple):
    """What a watch says."""

    change: Changed | None
    """None: nothing but a newer version."""
    is_gone: bool
    version: str


class Question:
    """What is asked about one kind in one namespace."""

    def __init__(
        self,
        client: HTTPClient,
        base: str,
        kind: Kind[Any],
        namespace: str,
        selector: Selector | None,
    ) -> None:
        """``namespace``: empty for all of them."""
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        self._client = client
        self._kind = kind
        self._url = f"{base}/api/v1{within}/{kind.plural}"
        self._selected = _selected(selector)
        where = f"namespace {namespace}" if namespace else "all namespaces"
        self.subject = f"{kind.plural} in {where}" if kind.is_namespaced else kind.plural

    def listed(self) -> Listed:
        """Everything that there is, from all pages. Raises ApiError."""
        objects: dict[str, Any] = {}
        page = self._page("")
        objects.update(page.objects)
        while page.rest:
            page = self._page(page.rest)
            objects.update(page.objects)
        return Listed(objects, page.version, "")

    def _page(self, rest: str) -> Listed:
        parameters = {**self._selected, "limit": str(_PAGE), **({"continue": rest} if rest else {})}
        with self._explained():
            answer = self._client.get(self._url, parameters, headers=_LIST_HEADERS)
            if answer.status != HTTPStatus.OK:
                raise self._refused(answer.status, answer.headers, answer.body)
            return self._kind.page(answer.body)

    @contextmanager
    def watched(self, version: str, seconds: int) -> Iterator[Iterator[News]]:
        """What happens after ``version``, for ``seconds`` at most. Raises ApiError."""
        parameters = {
            **self._selected,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(seconds),
        }
        opened = self._client.open(
            self._url, parameters, headers=_WATCH_HEADERS, timeout=seconds + _GRACE
        )
        with self._explained(), opened as stream:
            if stream.status != HTTPStatus.OK:
                raise self._refused(stream.status, stream.headers, b"".join(stream.chunks))
            yield map(self._event, lines(stream.chunks))

    def _event(self, line: bytes) -> News:
        found = _EVENTS.decode(line)
        if found.type == "ERROR":
            status = decode(found.object, type=Status)
            raise self._error(status.code, status.message)
        if found.type == "BOOKMARK":
            version = decode(found.object, type=Object).metadata.version
            return News(None, False, version)
        change = self._kind.object(found.object)
        return News(change, found.type == "DELETED", change.version)

    def _refused(self, status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
        try:
            said = decode(body, type=Status).message
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            said = excerpt(headers, body)
        return self._error(status, said)

    def _error(self, status: int, said: str) -> ApiError:
        if status == HTTPStatus.GONE:
            return LostError(f"the list of {self.subject} is too old to go on from", sort="410")
        message = f"the API server answers {status}"
        message += f": {printable(said)[:300]}" if said else ""
        error = ApiError if status in _NOT_OF_THE_VERSION else LostError
        return error(f"{message} ({shown_url(self._url)})", _REMEDIES.get(status, ""), str(status))

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except HTTPFailure as failure:
            raise ApiError(str(failure), failure.hint, failure.kind) from None
        except (MsgspecError, UnicodeDecodeError, RecursionError) as error:
            message = f"what the API server says is not understood: {error}"
            hint = "look at api_server: is it the URL of a Kubernetes API server?"
            raise LostError(f"{message} ({shown_url(self._url)})", hint, "nonsense") from None


def _selected(selector: Selector | None) -> dict[str, str]:
    if selector is None:
        return {}
    both = {"labelSelector": selector.label, "fieldSelector": selector.field}
    return {name: text for name, text in both.items() if text}


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Those that are whole: what a stream ends in the middle of comes again."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, whole)
