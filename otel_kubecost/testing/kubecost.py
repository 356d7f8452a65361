"""A Kubecost or OpenCost that says what a test wants it to say, and misbehaves on command."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from otel_kubecost.testing.exchange import Reply, Request
from otel_kubecost.testing.faults import gzipped
from otel_kubecost.testing.flavours import TRAITS, Flavour
from otel_kubecost.testing.server import HttpServer


@dataclass(frozen=True, slots=True)
class AllocationQuery:
    """What an allocation request asks for."""

    start: int
    """Seconds since the epoch, as ``end``."""
    end: int
    aggregate: tuple[str, ...]
    idle: bool
    accumulate: bool
    limit: int = 0
    """Rows of a page, 0 for all; read by Kubecost alone, with ``accumulate``."""
    offset: int = 0


Answer: TypeAlias = bytes | dict[str, Any] | list[Any] | Reply | Callable[[AllocationQuery], Any]
"""A recorded document (JSON, or its bytes as they came), a ``Reply``, or a function that gives one
of them; the text of a ValueError that it raises is answered with status 400."""

_GZIP_FROM = 50_000
"""Bytes of JSON from which nginx in front of Kubecost compresses; OpenCost's port never does."""


class FakeKubecost(HttpServer):
    """Serves ``answer`` to every allocation query while the context lasts.

    ``flavour`` says where, with which headers, and how parameters are read; the answer leaves as
    it is given. ``assets`` is what the assets API answers; ``currency`` what ``getConfigs`` says,
    where the flavour has it.

    The window has to be ``<start>Z,<end>Z`` in whole seconds. Real ones refuse fractions and
    offsets, with the same text; durations are refused here too, because their meaning changed from
    version to version and their end may lie in the future.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        flavour: Flavour = Flavour.KUBECOST,
        assets: Answer | None = None,
        currency: str = "USD",
    ) -> None:
        super().__init__(self._handle)
        self.flavour = flavour
        """May be set to another one: a product that is upgraded, or replaced."""
        self.currency = currency
        self._says = answer
        self._assets: Answer = {"code": 200, "data": []} if assets is None else assets

    def answer(self, answer: Answer) -> None:
        """Say ``answer`` from now on."""
        self._says = answer

    def _handle(self, request: Request) -> Reply:
        reply = self._reply(request)
        return replace(reply, headers={**TRAITS[self.flavour].headers, **reply.headers})

    def _reply(self, request: Request) -> Reply:
        traits = TRAITS[self.flavour]
        if request.path in traits.allocation_paths():
            return self._queried(request, self._says)
        if request.path == f"{traits.base}/assets":
            return self._queried(request, self._assets)
        if request.path == f"{traits.base}/getConfigs" and traits.configs:
            return _json(_configs(self.currency))
        return traits.elsewhere(request.path)

    def _queried(self, request: Request, answer: Answer) -> Reply:
        try:
            query = _query(request.query, self.flavour)
            reply = _json(answer(query) if callable(answer) else answer)
        except ValueError as error:
            return Reply(400, str(error).encode())
        return gzipped(reply) if self._compresses(request, reply) else reply

    def _compresses(self, request: Request, reply: Reply) -> bool:
        return (
            TRAITS[self.flavour].compresses
            and len(reply.body) >= _GZIP_FROM
            and "gzip" in request.headers.get("Accept-Encoding", "")
        )


def idle_hangs(answer: Answer) -> Answer:
    """``answer``, save that a query with idle never gets one (opencost issue 3999)."""

    def hang(query: AllocationQuery) -> Reply:
        reply = _json(answer(query) if callable(answer) else answer)
        return replace(reply, hang=query.idle)

    return hang


def _json(document: Any) -> Reply:
    if isinstance(document, Reply):
        return document
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Reply(200, body, "application/json")


def _configs(currency: str) -> dict[str, Any]:
    prices = {"CPU": "0.031611", "RAM": "0.004237", "storage": "0.00005479"}
    return {"code": 200, "data": {"provider": "custom", **prices, "currencyCode": currency}}


_WINDOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ,\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


def _query(parameters: Mapping[str, str], flavour: Flavour) -> AllocationQuery:
    """Read the parameters as ``flavour`` does. Raises ValueError with its text of refusal."""
    start, end = _window(parameters.get("window", ""))
    is_kubecost = TRAITS[flavour].is_kubecost
    idle = ("idle", "true") if is_kubecost else ("includeIdle", "false")
    accumulate = parameters.get("accumulate", "false") == "true"
    pages = is_kubecost and accumulate
    return AllocationQuery(
        start=start,
        end=end,
        aggregate=tuple(filter(None, parameters.get("aggregate", "").split(","))),
        idle=parameters.get(*idle) == "true",
        accumulate=accumulate,
        limit=int(parameters.get("limit", 0)) if pages else 0,
        offset=int(parameters.get("offset", 0)) if pages else 0,
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
