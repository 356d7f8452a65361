"""When a request may be sent: never a sample ahead of the receiver's clock.

Before the first sample, and before a pause, the time there is asked with HEAD: that stores nothing
at any receiver, and ``Date`` is in the answer whatever its status is (CloudTuner and Prometheus
405, VictoriaMetrics 400). An empty write would do as well where it is taken; some receivers count
or refuse one.
"""

from __future__ import annotations

import threading

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.prometheus_remote_write.config import PrometheusRemoteWriteOptions
from otel_kubecost.exporters.sending.receiver_time import REMEDY, ReceiverTime
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.http.session import FailureKind, HTTPClient, HTTPFailure, Response
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_LOOK_SECONDS = 5.0
_SILENCE = 600.0
"""Seconds at least from one line about a clock that is behind to the next."""
_NOBODY_THERE = {FailureKind.DNS, FailureKind.REFUSED, FailureKind.TLS, FailureKind.PROXY}
"""Failures that a POST would meet as well."""


class Timing:
    """Keeps the receiver's time: what its answers say of it, and HEAD where that is too little."""

    def __init__(
        self, options: PrometheusRemoteWriteOptions, http: HTTPClient, clock: Clock
    ) -> None:
        self._options = options
        self._http = http
        self._clock = clock
        self._there = ReceiverTime(clock)
        self._looking = threading.Lock()
        self._is_told = False
        self._may_tell = float("-inf")

    @property
    def skew(self) -> int | None:
        """Seconds by which the receiver's clock is ahead of ours; None where it is not known."""
        return self._there.skew

    def time(self) -> float:
        """Seconds since the epoch, at the receiver."""
        return self._there.time()

    def objection(self, newest: int) -> Verdict | None:
        """Why samples up to ``newest`` (ms) are not sent now. Raises HTTPFailure."""
        with self._looking:  # one asks, the others wait for what it hears
            objection = self._there.objection(newest)
            if self._there.is_known and (objection is None or objection.action is not Action.HOLD):
                return objection
            self._look()
            return self._there.objection(newest)

    def hear(self, answer: Response, asked: float) -> None:
        """``answer`` came just now to what was asked at ``asked`` (monotonic)."""
        headers = answer.headers
        self._there.hear(headers.get("Date", ""), asked, headers.get("Age", ""))
        now = self._clock.monotonic()
        if not self._there.is_far_ahead:
            self._is_told = False
        elif not self._is_told and now >= self._may_tell:
            self._is_told, self._may_tell = True, now + _SILENCE
            _log.warning(
                f"The clock here is {self.skew} s behind the receiver's: samples get a wrong time",
                exporter=self._options.name,
                hint=REMEDY,
            )

    def _look(self) -> None:
        """Ask the time. Who does not answer HEAD goes on without."""
        timeout = min(_LOOK_SECONDS, self._options.timeout)
        asked = self._clock.monotonic()
        try:
            answer = self._http.head(self._options.endpoint, timeout=timeout)
        except HTTPFailure as failure:
            if failure.kind in _NOBODY_THERE:
                raise
            return
        self._there.forget()
        self.hear(answer, asked)
