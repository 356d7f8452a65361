"""One POST of remote write 1.0, and what its answer means."""

from __future__ import annotations

from dataclasses import replace

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.prometheus_remote_write.codec import Request
from otel_kubecost.exporters.prometheus_remote_write.config import PrometheusRemoteWriteOptions
from otel_kubecost.exporters.sending.retry import Action, Verdict, classify
from otel_kubecost.http.session import HTTPClient, HTTPFailure

_HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


class RemoteWriteClient:
    """Sends requests to one endpoint."""

    def __init__(self, options: PrometheusRemoteWriteOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._http = HTTPClient(options)

    def send(self, request: Request, attempt: int) -> Verdict:
        """Offer ``request``; ``attempt`` counts the earlier ones. Raises nothing on purpose."""
        again = {"Retry-Attempt": str(attempt)} if attempt else {}
        try:
            answer = self._http.post(self._options.endpoint, request.body, {**_HEADERS, **again})
        except HTTPFailure as failure:
            return Verdict(Action.RETRY, f"network_{failure.kind}", str(failure), failure.hint)
        verdict = classify(answer.status, answer.headers, answer.body, self._clock.time())
        if answer.status == 429 and not self._options.queue_config.retry_on_http_429:
            return replace(verdict, action=Action.DROP)
        return verdict

    def close(self) -> None:
        self._http.close()
