"""A Kubecost or OpenCost that says what a test wants it to say, and misbehaves on command."""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from otel_kubecost.testing.faults import SPA_PAGE, Fault, Script, gzipped
from otel_kubecost.testing.server import HttpServer, Reply, Request, TlsFiles


class Flavour(StrEnum):
    """Which product's paths and defaults are played."""

    KUBECOST = "kubecost"
    """Port 9090: ``/model/allocation`` has data, any other path is the page of the interface."""
    OPENCOST = "opencost"
    """Port 9003: ``/allocation`` and ``/allocation/compute`` have data, any other path is 404."""


@dataclass(frozen=True, slots=True)
class AllocationQuery:
    """What an allocation request asks for."""

    start: int
    """Seconds since the epoch, as ``end``."""
    end: int
    aggregate: tuple[str, ...]
    idle: bool
    accumulate: bool


Answer: TypeAlias = bytes | dict[str, Any] | list[Any] | Callable[[AllocationQuery], Any]
"""A recorded document (JSON, or its bytes as they came), or a function that gives one; the text of
a ValueError that it raises is answered with status 400."""

KEPT_REQUESTS = 10_000
"""``FakeKubecost.requests`` has the newest so many: a simulation may run for days."""

_ALLOCATION_PATHS = {
    Flavour.KUBECOST: {"/model/allocation"},
    Flavour.OPENCOST: {"/allocation", "/allocation/compute"},
}
_CONFIG_PATHS = {Flavour.KUBECOST: "/model/getConfigs", Flavour.OPENCOST: "/getConfigs"}
_GZIP_FROM = 50_000
"""Bytes of JSON from which nginx in front of Kubecost compresses; OpenCost's port never does."""


class FakeKubecost(HttpServer):
    """Serves ``answer`` to every allocation query while the context lasts.

    ``answers`` has other documents for single values of ``aggregate`` (``cluster,pod``). The
    window has to be ``<start>Z,<end>Z`` in whole seconds. Real ones refuse fractions and offsets,
    with the same text; durations are refused here too, because their meaning changed from version
    to version and their end may lie in the future.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        answers: Mapping[str, Answer] | None = None,
        flavour: Flavour = Flavour.KUBECOST,
        currency: str | None = None,
        tls: TlsFiles | None = None,
    ) -> None:
        self._answer = answer
        self._answers = dict(answers or {})
        self._flavour = flavour
        self._currency = currency
        self._script = Script()
        self._requests: deque[Request] = deque(maxlen=KEPT_REQUESTS)
        self._queries = 0
        self._lock = threading.Lock()
        super().__init__(self._handle, tls=tls)

    @property
    def requests(self) -> list[Request]:
        """What was asked, oldest first, the newest ``KEPT_REQUESTS``."""
        with self._lock:
            return list(self._requests)

    @property
    def queries(self) -> int:
        """How many allocation queries came, since the first."""
        return self._queries

    def answer(self, answer: Answer, aggregate: str | None = None) -> None:
        """Say ``answer`` from now on, to queries of one ``aggregate`` or to all others."""
        if aggregate is None:
            self._answer = answer
        else:
            self._answers[aggregate] = answer

    def script(self, faults: Iterable[Fault]) -> None:
        """Let each of the next allocation queries meet one of ``faults``."""
        self._script.extend(faults)

    def _handle(self, request: Request) -> Reply:
        allocation = request.path in _ALLOCATION_PATHS[self._flavour]
        with self._lock:
            self._requests.append(request)
            self._queries += allocation
        if allocation:
            return self._script.answer(lambda: self._allocation(request))
        if self._currency and request.path == _CONFIG_PATHS[self._flavour]:
            return _json({"code": 200, "data": {"currencyCode": self._currency}})
        return self._elsewhere()

    def _elsewhere(self) -> Reply:
        if self._flavour is Flavour.KUBECOST:
            return Reply(200, SPA_PAGE, "text/html")
        return Reply(404, b"404 page not found\n")

    def _allocation(self, request: Request) -> Reply:
        answer = self._answers.get(request.query.get("aggregate", ""), self._answer)
        try:
            query = _query(request.query, self._flavour)
            reply = _json(answer(query) if callable(answer) else answer)
        except ValueError as error:
            return Reply(400, str(error).encode())
        return gzipped(reply) if self._compresses(request, reply) else reply

    def _compresses(self, request: Request, reply: Reply) -> bool:
        return (
            self._flavour is Flavour.KUBECOST
            and len(reply.body) >= _GZIP_FROM
            and "gzip" in request.headers.get("Accept-Encoding", "")
        )


def _json(document: Any) -> Reply:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(200, body, "application/json")


_WINDOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def _query(parameters: Mapping[str, str], flavour: Flavour) -> AllocationQuery:
    """Read the parameters as ``flavour`` does. Raises ValueError with its text of refusal."""
    start, end = _window(parameters.get("window", ""))
    idle = ("idle", "true") if flavour is Flavour.KUBECOST else ("includeIdle", "false")
    return AllocationQuery(
        start=start,
        end=end,
        aggregate=tuple(filter(None, parameters.get("aggregate", "").split(","))),
        idle=parameters.get(*idle) == "true",
        accumulate=parameters.get("accumulate", "false") == "true",
    )


def _window(text: str) -> tuple[int, int]:
    refusal = ValueError(f"Invalid 'window' parameter: illegal window: {text}")
    if not _WINDOW.fullmatch(text):
        raise refusal
    try:
        start, end = (round(datetime.fromisoformat(side).timestamp()) for side in text.split(","))
    except ValueError:
        raise refusal from None
    if start >= end:
        raise refusal
    return start, end
