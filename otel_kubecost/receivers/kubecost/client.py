"""Asking Kubecost: at which path, with which parameters, in which pages [I/O].

The path differs by product and port, and a wrong one may answer 200 with the page of the user
interface. The first candidate behind which the API is found is kept until it is there no longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlsplit

from otel_kubecost.clock import Clock, Deadline, SystemClock, floor_mark
from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.http.config import HTTPOptions, shown_url
from otel_kubecost.http.session import FailureKind, HTTPClient, HTTPFailure, Response, Stream
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.currency import currency_code, has_settings
from otel_kubecost.receivers.kubecost.hour import Hour
from otel_kubecost.receivers.kubecost.pages import all_pages
from otel_kubecost.receivers.kubecost.product import Product, recognise
from otel_kubecost.receivers.kubecost.projection import Projection
from otel_kubecost.receivers.kubecost.question import Question, question_for
from otel_kubecost.receivers.kubecost.replies import (
    Reply,
    TimedOutError,
    read,
    received,
    refuse,
    unanswered,
    wrong_path,
)
from otel_kubecost.receivers.kubecost.table import RowTable
from otel_kubecost.receivers.kubecost.window import HOUR, Window
from otel_kubecost.tracing import answered, request_span

# Kubecost's frontend (9090) and OpenCost's UI; OpenCost's API (9003) and Kubecost's aggregator.
CANDIDATES = ("/model/allocation", "/allocation")
CURRENCY_TIMEOUT = 10.0
"""Seconds; a cost is worth waiting for, the name of its currency less so."""
_NO_ANSWER, _TOO_LATE = Response(0, {}, b""), Response(HTTPStatus.GATEWAY_TIMEOUT, {}, b"")
_IN_TROUBLE = {429, 502, 503, 504}


class KubecostClient:
    """Asks one Kubecost or OpenCost; for one thread at a time."""

    def __init__(self, options: KubecostReceiverOptions, clock: Clock | None = None) -> None:
        http = HTTPOptions(
            **dict(options.auth),
            tls_config=options.tls_config,
            proxy_url=options.proxy_url,
            timeout=options.timeout,
        )
        self._http = HTTPClient(http, max_decoded_bytes=options.max_body_bytes)
        self._options = options
        self._base = options.endpoint.rstrip("/")
        # A path is used as it is; where it is a product's (/model), the API is below it.
        self._candidates = ("", "/allocation") if urlsplit(self._base).path else CANDIDATES
        self._found: str | None = None
        self._product: Product | None = None
        self._currency: str | None = None
        self._idle_hung = Hour(clock or SystemClock())
        self._clock = clock or SystemClock()
        self._currency_hour: float | None = None
        self._has_moved = False
        self._pods: Sequence[str] = ()

    @property
    def product(self) -> Product | None:
        """Who gave the last good answer; None before there is one.

        Who says a currency is Kubecost, whatever else it looks like: OpenCost does not.
        """
        if self._product and self._currency and not self._product.is_kubecost:
            return replace(self._product, name="kubecost", version="")
        return self._product

    def allocations(
        self, window: Window, wanted: Projection, *, accumulate: bool = True
    ) -> RowTable:
        """What was spent in ``window``, accumulated into one set or by steps.

        OpenCost may never answer a query with idle (opencost 3999). After a time-out it is asked
        once more without, and is for an hour not asked for idle: ``without_idle`` says so.

        Raises NoDataError where there is nothing (yet), ScrapeError for every other failure.
        """
        question = question_for(self._options, window, wanted, accumulate=accumulate)
        if not self._options.include_idle:
            return self._every_page(question)
        if self._idle_hung.runs and self._may_hang:
            return self._without_idle(question)
        try:
            return self._every_page(question)
        except TimedOutError as error:
            if not self._may_hang:
                raise
            return self._again(question, error)

    def currency(self) -> str | None:
        """The currency of the prices, as ``EUR``; None where the product does not say it.

        Asked in each hour of the clock once, so that two agents see a change at the same mark, and
        not before there was a good answer. Where there is no answer just now, what was read before
        stands, and the next call asks again.

        Raises ScrapeError where a Kubecost is in trouble that has never said it: a wrong name on
        its costs would stay for ever.
        """
        hour = floor_mark(self._clock.time(), HOUR)
        if self._product is None or self._currency_hour == hour:
            return self._currency
        answer = self._settings()
        if answer.status in _IN_TROUBLE and not self._currency and self._product.is_kubecost:
            raise ScrapeError("Kubecost cannot say its currency just now; or set currency yourself")
        found = answer.status == HTTPStatus.OK
        if found and has_settings(answer.body):
            self._currency_hour, self._currency = hour, currency_code(answer.body)
            self._has_moved = False
        elif found or wrong_path(answer):
            self._currency_hour = hour
            if self._has_moved or self._product.name == "opencost":
                self._currency = None  # what was read is of a product that is there no longer
            self._has_moved = False
        return self._currency

    def assets(self, window: Window) -> Response:
        """The nodes of ``window``: a map by key of OpenCost, a list of maps of Kubecost.

        Raises ScrapeError, also before there was a good answer to an allocation query.
        """
        url = self._beside("assets")
        if url is None:
            raise ScrapeError("Where the assets API is, is known only with that of allocations")
        parameters = {"window": str(window), "filter": 'assetType:"node"'}
        response = self._get(url, parameters, Deadline(self._options.timeout))
        reason = wrong_path(response)
        if reason:
            raise ScrapeError(f"No assets API found: {shown_url(url)} {reason}")
        refuse(response)
        return response

    def close(self) -> None:
        self._http.close()

    @property
    def _may_hang(self) -> bool:
        return self._product is None or not self._product.is_kubecost

    def _again(self, question: Question, error: TimedOutError) -> RowTable:
        """Without idle; what went wrong first counts if that fails too."""
        try:
            allocations = self._without_idle(question)
        except NoDataError:
            self._idle_hung.begin()
            raise
        except ScrapeError:
            raise error from None
        self._idle_hung.begin()
        return allocations

    def _without_idle(self, question: Question) -> RowTable:
        allocations = self._every_page(question.without_idle())
        allocations.without_idle = True
        return allocations

    def _every_page(self, question: Question) -> RowTable:
        """The answer, within one deadline for all that it takes."""
        deadline = Deadline(self._options.timeout)
        if not self._options.page_size or question.parameters["accumulate"] != "true":
            return self._answer(question, deadline)
        return all_pages(
            lambda page: self._answer(question.but(page), deadline), self._options.page_size
        )

    def _answer(self, question: Question, deadline: Deadline) -> RowTable:
        if self._found is not None:
            reply = self._ask(self._base + self._found, question, deadline)
            if wrong_path(reply.response) is None:
                return self._learned(reply)
            self._forget()
        return self._probe(question, deadline)

    def _forget(self) -> None:
        """Another version answers there now; its currency is asked before the next costs."""
        self._found = self._product = self._currency_hour = None
        self._has_moved = True
        self._idle_hung.end()

    def _probe(self, question: Question, deadline: Deadline) -> RowTable:
        """The answer of the first path that has the API; what else was there is an error."""
        tried: list[str] = []
        failures: list[ScrapeError] = []
        for path in self._candidates:
            reply = self._ask(self._base + path, question, deadline)
            reason = wrong_path(reply.response)
            if reason is not None:
                tried.append(f"{shown_url(self._base + path)} {reason}")
                continue
            if reply.is_answer:
                self._found = path
            try:
                return self._learned(reply)
            except ScrapeError as error:
                if self._found is not None:
                    raise
                failures.append(error)
        if failures:
            raise failures[0]
        raise ScrapeError(
            f"No allocation API found: {', '.join(tried)}. Set endpoint to the URL of Kubecost"
            " (port 9090) or OpenCost (port 9003); if a login page is in front of it, set auth"
        )

    def _learned(self, reply: Reply) -> RowTable:
        """The rows of an answer, and with them who gave it."""
        table, response = read(reply), reply.response
        path = urlsplit(f"{self._base}{self._found}").path
        found = recognise(path, response.headers, response.body, table.kind_keys)
        self._product = found.after(self._product)
        self._pods = table.pods or self._pods
        return table

    def _ask(self, url: str, question: Question, deadline: Deadline) -> Reply:
        table = RowTable(question.wanted, keyed=question.is_page, pods=self._pods)
        with self._opened(url, question.parameters, deadline) as stream:
            return received(stream, table)

    def _get(self, url: str, parameters: Mapping[str, str], deadline: Deadline) -> Response:
        with self._opened(url, parameters, deadline) as stream:
            return Response(stream.status, stream.headers, b"".join(stream.chunks))

    @contextmanager
    def _opened(
        self, url: str, parameters: Mapping[str, str], deadline: Deadline
    ) -> Iterator[Stream]:
        """Raises ScrapeError, also while the answer is read."""
        left = deadline.left()
        if not left:
            raise self._out_of_time(url)
        with request_span("GET", url, parameters) as span:
            try:
                with self._http.open(url, params=parameters, timeout=left) as stream:
                    answered(span, stream.status)
                    yield stream
            except HTTPFailure as failure:
                if failure.kind is FailureKind.TIMEOUT and not deadline.left():
                    raise self._out_of_time(url) from None
                raise unanswered(failure) from None

    def _out_of_time(self, url: str) -> TimedOutError:
        """The whole of ``timeout`` is over, in which there may have been several requests."""
        return TimedOutError(
            f"Failed to query Kubecost: no whole answer within {self._options.timeout:g} s"
            f" ({shown_url(url)}); raise timeout, or ask for less"
        )

    def _settings(self) -> Response:
        """What the product says of its settings; a request that fails is an answer of status 0."""
        url = self._beside("getConfigs")
        if url is None:
            return _NO_ANSWER
        try:
            with request_span("GET", url) as span:
                response = self._http.get(url, timeout=min(CURRENCY_TIMEOUT, self._options.timeout))
                answered(span, response.status)
                return response
        except HTTPFailure as failure:
            return _TOO_LATE if failure.kind is FailureKind.TIMEOUT else _NO_ANSWER

    def _beside(self, name: str) -> str | None:
        """The URL of a sibling of the allocation API; None where that is not known."""
        if self._found is None:
            return None
        url = (self._base + self._found).removesuffix("/compute")
        parent = url.removesuffix("/allocation")
        return f"{parent}/{name}" if parent != url else None
