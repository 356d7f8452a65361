"""A Kubecost or OpenCost that says what a test wants it to say, and misbehaves on command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from otel_kubecost.testing.exchange import Reply, Request
from otel_kubecost.testing.faults import SPA_PAGE, gzipped
from otel_kubecost.testing.server import HttpServer


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

_ALLOCATION_PATHS = {
    Flavour.KUBECOST: {"/model/allocation"},
    Flavour.OPENCOST: {"/allocation", "/allocation/compute"},
}
_GZIP_FROM = 50_000
"""Bytes of JSON from which nginx in front of Kubecost compresses; OpenCost's port never does."""


class FakeKubecost(HttpServer):
    """Serves ``answer`` to every allocation query while the context lasts.

    The window has to be ``<start>Z,<end>Z`` in whole seconds. Real ones refuse fractions and
    offsets, with the same text; durations are refused here too, because their meaning changed from
    version to version and their end may lie in the future.
    """

    def __init__(self, answer: Answer, *, flavour: Flavour = Flavour.KUBECOST) -> None:
        super().__init__(self._handle)
        self._says = answer
        self._flavour = flavour

    def answer(self, answer: Answer) -> None:
        """Say ``answer`` from now on."""
        self._says = answer

    def _handle(self, request: Request) -> Reply:
        if request.path in _ALLOCATION_PATHS[self._flavour]:
            return self._allocation(request)
        if self._flavour is Flavour.KUBECOST:
            return Reply(200, SPA_PAGE, "text/html")
        return Reply(404, b"404 page not found\n")

    def _allocation(self, request: Request) -> Reply:
        try:
            query = _query(request.query, self._flavour)
            reply = _json(self._says(query) if callable(self._says) else self._says)
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
