"""One request of remote write, when it may be sent, and what its answer means."""

from __future__ import annotations

from dataclasses import replace

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.prometheus_remote_write.answers import classify
from otel_kubecost.exporters.prometheus_remote_write.codec import Request
from otel_kubecost.exporters.prometheus_remote_write.codec_v2 import RequestV2
from otel_kubecost.exporters.prometheus_remote_write.config import (
    V2,
    PrometheusRemoteWriteOptions,
)
from otel_kubecost.exporters.prometheus_remote_write.negotiation import (
    Negotiation,
    counted,
    shows_v1,
)
from otel_kubecost.exporters.prometheus_remote_write.timing import Timing
from otel_kubecost.exporters.sending.answers import unanswered
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.http.config import shown_url
from otel_kubecost.http.session import HTTPClient, HTTPFailure, Response

_HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
_HEADERS_V2 = {
    "Content-Encoding": "snappy",
    "Content-Type": f"application/x-protobuf;proto={V2}",
    "X-Prometheus-Remote-Write-Version": "2.0.0",
}


class RemoteWriteClient:
    """Sends requests to one endpoint: those of 2.0 as such until it shows that it knows only 1.0.

    A request of 1.0 is sent as it is: a predecessor may have left it.
    """

    def __init__(self, options: PrometheusRemoteWriteOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._http = HTTPClient(options)
        self._timing = Timing(options, self._http, clock)
        endpoint = shown_url(options.endpoint)
        self._negotiation = Negotiation(
            wanted=options.protobuf_message == V2,
            exporter=options.name or endpoint,
            endpoint=endpoint,
        )

    @property
    def url(self) -> str:
        return self._options.endpoint

    @property
    def speaks_v2(self) -> bool:
        """Whether requests are best made as 2.0."""
        return self._negotiation.speaks_v2

    @property
    def skew(self) -> int | None:
        """Seconds by which the receiver's clock is ahead of ours; None where it is not known."""
        return self._timing.skew

    def time(self) -> float | None:
        """Seconds since the epoch at the receiver; None where it has not said its time."""
        return None if self.skew is None else self._timing.time()

    def send(self, request: Request, attempt: int) -> Verdict:
        """Offer ``request``; ``attempt`` counts the earlier ones. Raises nothing on purpose."""
        try:
            objection = self._timing.objection(request.newest) if request.samples else None
            return objection or self._send_now(request, attempt)
        except HTTPFailure as failure:
            return unanswered(failure)

    def _send_now(self, request: Request, attempt: int) -> Verdict:
        if not isinstance(request, RequestV2):
            return self._verdict(self._post(request, attempt))
        if not self.speaks_v2:
            return self._verdict(self._post(request.as_v1(), attempt))
        return self._send_v2(request, attempt)

    def _send_v2(self, request: RequestV2, attempt: int) -> Verdict:
        answer = self._post(request, attempt)
        if shows_v1(answer):
            self._negotiation.give_up(answer.status)
            return self._verdict(self._post(request.as_v1(), attempt))
        if self._negotiation.leaves_open(answer):
            return self._try_v1(request, attempt, answer)
        return counted(self._verdict(answer), answer, request.samples)

    def _try_v1(self, request: RequestV2, attempt: int, refusal: Response) -> Verdict:
        """Where 1.0 is taken, the refusal was about the message and not about what is in it."""
        answer = self._post(request.as_v1(), attempt)
        verdict = self._verdict(answer)
        if verdict.action is Action.DONE:
            self._negotiation.give_up(refusal.status)
        return self._verdict(refusal) if answer.status == 415 else verdict

    def _post(self, request: Request, attempt: int) -> Response:
        headers = _HEADERS_V2 if isinstance(request, RequestV2) else _HEADERS
        again = {"Retry-Attempt": str(attempt)} if attempt else {}
        asked = self._clock.monotonic()
        answer = self._http.post(self._options.endpoint, request.body, {**headers, **again})
        self._timing.hear(answer, asked)
        return answer

    def _verdict(self, answer: Response) -> Verdict:
        verdict = classify(answer.status, answer.headers, answer.body, self._timing.time())
        if answer.status == 429 and not self._options.queue_config.retry_on_http_429:
            return replace(verdict, action=Action.DROP)
        if answer.status == 415 and self._options.protobuf_message != V2:
            return replace(verdict, hint=f"if it takes nothing but 2.0: protobuf_message: {V2}")
        return verdict

    def close(self) -> None:
        self._http.close()
