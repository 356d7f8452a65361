"""One request of OTLP over HTTP, and what its answer means."""

from __future__ import annotations

from dataclasses import replace

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.otlp_http.answers import OTHER_PORT, verdict_on
from otel_kubecost.exporters.otlp_http.codec import Request
from otel_kubecost.exporters.otlp_http.config import OtlpHttpOptions
from otel_kubecost.exporters.sending.answers import unanswered
from otel_kubecost.exporters.sending.retry import Verdict
from otel_kubecost.http.session import FailureKind, HTTPClient, HTTPFailure

_HEADERS = {"Content-Type": "application/x-protobuf"}
_GZIP = {**_HEADERS, "Content-Encoding": "gzip"}


class OtlpHttpClient:
    """Sends requests to one receiver, each as it was encoded: a predecessor may have left it."""

    skew = None
    """No receiver of OTLP is hurt by a clock, so nobody asks for its time."""

    def __init__(self, options: OtlpHttpOptions, clock: Clock) -> None:
        self.url = options.url
        self._clock = clock
        self._http = HTTPClient(options)

    def time(self) -> float:
        return self._clock.time()

    def send(self, request: Request, attempt: int) -> Verdict:  # noqa: ARG002  a queue's signature
        """Offer ``request``. Raises nothing on purpose."""
        headers = _GZIP if request.compression == "gzip" else _HEADERS
        try:
            answer = self._http.post(self.url, request.body, headers, is_quoted=True)
        except HTTPFailure as failure:
            verdict = unanswered(failure)
            return (
                replace(verdict, hint=OTHER_PORT) if failure.kind is FailureKind.RESET else verdict
            )
        return verdict_on(answer, request.samples, self._clock.time())

    def close(self) -> None:
        self._http.close()
