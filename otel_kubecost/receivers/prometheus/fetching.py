"""Pages over HTTP: asked for as Prometheus asks, and handed on as they arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from otel_kubecost.clock import Deadline
from otel_kubecost.http.config import AuthOptions, HTTPOptions, shown_url
from otel_kubecost.http.failure import FailureKind, HTTPFailure
from otel_kubecost.http.session import HTTPClient, Stream
from otel_kubecost.receivers.prometheus.config import ScrapeConfig
from otel_kubecost.receivers.prometheus.discovery.targets import Target
from otel_kubecost.receivers.prometheus.exposition import ACCEPT

_REQUESTS = 10
"""Of one scrape: a page that redirects more often never comes."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PEERS = 4096
"""Targets whose connections are kept."""
_NO_LIMIT = 1 << 62
_PORTS = {"http": 80, "https": 443}


class Answer(NamedTuple):
    content_type: str
    chunks: Iterator[bytes]
    """The page, decompressed, as it arrives. Raises HTTPFailure."""


class Fetcher:
    """Fetches the pages of one job. Safe to use from several threads."""

    def __init__(self, job: ScrapeConfig) -> None:
        self._job = job
        given = {name: getattr(job, name) for name in AuthOptions.model_fields}
        options = HTTPOptions.model_validate(
            {**given, "tls_config": job.tls_config, "proxy_url": job.proxy_url}
        )
        self._client = HTTPClient(options, max_decoded_bytes=_NO_LIMIT, kept_peers=_PEERS)

    @contextmanager
    def page(self, target: Target) -> Iterator[Answer]:
        """The page of ``target``, within its time. Raises HTTPFailure."""
        deadline = Deadline(target.timeout)
        headers, url = self._headers(target), target.url
        for _ in range(_REQUESTS):
            with self._client.open(url, headers=headers, timeout=deadline.left()) as stream:
                if not (self._job.follow_redirects and stream.status in _REDIRECTS):
                    _check_status(stream, url)
                    chunks = _limited(stream.chunks, self._job.body_size_limit)
                    yield Answer(stream.headers.get("Content-Type", ""), chunks)
                    return
                url = _redirected(url, stream.headers)
        raise HTTPFailure("other", f"the page redirects more than {_REQUESTS} times")

    def close(self) -> None:
        """Close idle connections; the fetcher stays usable."""
        self._client.close()

    def _headers(self, target: Target) -> Mapping[str, str]:
        return {
            "Accept": ACCEPT,
            "Accept-Encoding": "gzip" if self._job.enable_compression else "identity",
            "X-Prometheus-Scrape-Timeout-Seconds": f"{target.timeout:g}",
        }


def _check_status(stream: Stream, url: str) -> None:
    if stream.status != HTTPStatus.OK:
        hint = _HINTS.get(stream.status, "")
        raise HTTPFailure("other", f"the target answered {stream.status} ({shown_url(url)})", hint)


_HINTS = {
    401: "check basic_auth or authorization of the job",
    403: "check what the job's credentials may do",
    404: "check metrics_path",
}


def _redirected(url: str, headers: Mapping[str, str]) -> str:
    """Where the answer points to. Credentials go nowhere else than configured, nor do we."""
    there = urljoin(url, headers.get("Location", ""))
    if _place(there) != _place(url):
        raise HTTPFailure(
            "other",
            f"the target redirects to another place ({shown_url(there)})",
            "scrape that place itself, if it is meant",
        )
    return there


def _place(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _limited(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """``chunks`` that are fewer than ``limit`` bytes together; 0 is no limit."""
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if limit and total >= limit:
            what = f"the page has {limit} bytes or more"
            raise HTTPFailure(FailureKind.TOO_LARGE, what, "raise body_size_limit, or drop it")
        yield chunk
