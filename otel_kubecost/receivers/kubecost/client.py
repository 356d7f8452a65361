"""Asking for allocations: at which path, with which parameters, and what answers mean [I/O].

The path differs by product and port, and a wrong one may answer 200 with the page of the user
interface. The first candidate behind which the API is found is kept until it is there no longer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.parse import urlsplit

from otel_kubecost.errors import ScrapeError
from otel_kubecost.http.config import HTTPOptions, shown_url
from otel_kubecost.http.excerpt import excerpt, is_page
from otel_kubecost.http.session import HTTPClient, HTTPFailure, Response
from otel_kubecost.receivers.kubecost.allocation import (
    Allocations,
    decode,
    decode_error,
    is_answer,
)
from otel_kubecost.receivers.kubecost.config import KubecostReceiverOptions
from otel_kubecost.receivers.kubecost.window import Window

# Kubecost's frontend (9090) and OpenCost's UI; OpenCost's API (9003) and Kubecost's aggregator.
CANDIDATES = ("/model/allocation", "/allocation")


class KubecostClient:
    """Asks one Kubecost or OpenCost; for one thread at a time."""

    def __init__(self, options: KubecostReceiverOptions) -> None:
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

    def allocations(
        self, window: Window, dimensions: Sequence[str], *, accumulate: bool = True
    ) -> Allocations:
        """What was spent in ``window`` by ``dimensions``, accumulated into one set or by steps.

        Raises NoDataError where there is nothing (yet), ScrapeError for every other failure.
        """
        parameters = self._parameters(window, dimensions, accumulate=accumulate)
        if self._found is not None:
            response = self._get(self._found, parameters)
            if wrong_path(response) is None:
                return read(response)
            self._found = None  # another version answers there now
        return self._probe(parameters)

    def close(self) -> None:
        self._http.close()

    def _probe(self, parameters: Mapping[str, str]) -> Allocations:
        """The answer of the first path that has the API; what else was there is an error."""
        tried: list[str] = []
        failures: list[ScrapeError] = []
        for path in self._candidates:
            response = self._get(path, parameters)
            reason = wrong_path(response)
            if reason is not None:
                tried.append(f"{shown_url(self._base + path)} {reason}")
                continue
            if is_answer(response.body):
                self._found = path
            try:
                return read(response)
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

    def _get(self, path: str, parameters: Mapping[str, str]) -> Response:
        try:
            return self._http.get(self._base + path, params=parameters)
        except HTTPFailure as failure:
            hint = f"; {failure.hint}" if failure.hint else ""
            raise ScrapeError(f"Failed to query Kubecost: {failure}{hint}") from None

    def _parameters(
        self, window: Window, dimensions: Sequence[str], *, accumulate: bool
    ) -> dict[str, str]:
        idle = _flag(self._options.include_idle)
        return {
            "window": str(window),
            "aggregate": ",".join(dimensions),
            "accumulate": _flag(accumulate),
            # Kubecost reads the one, OpenCost the other; each passes over what it does not know.
            "idle": idle,
            "includeIdle": idle,
            "shareIdle": _flag(self._options.share_idle),
        }


def wrong_path(response: Response) -> str | None:
    """Why the allocation API cannot be at the path that answered so; None where it may be."""
    if response.status in {404, 405, 501}:
        return f"answered {response.status}"
    if response.status == HTTPStatus.OK and is_page(response.headers, response.body):
        return "answered with an HTML page"
    return None


def read(response: Response) -> Allocations:
    """The allocations in an answer. Raises NoDataError, ScrapeError."""
    status = response.status
    if status == HTTPStatus.OK:
        return decode(response.body)
    if status in {401, 403} or 300 <= status < 400:
        raise ScrapeError(
            f"Kubecost wants authentication: it answered {status}{_target(response)}. Set auth in"
            " the receiver (basic_auth, bearer_token_file or api_key_file), or an endpoint inside"
            " the cluster that is not behind the login"
        )
    if not is_page(response.headers, response.body):
        decode_error(status, response.body)
    said = excerpt(response.headers, response.body)
    said = f' "{said}"' if said else ""
    raise ScrapeError(f"Kubecost API returned {status}: {_phrase(status)}{said}")


def _target(response: Response) -> str:
    location = urlsplit(response.headers.get("Location", ""))
    host = f"{location.scheme}://{location.hostname}" if location.hostname else ""
    return f", a redirect to {host}{location.path}" if host or location.path else ""


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "unknown status"


def _flag(value: bool) -> str:
    return "true" if value else "false"
