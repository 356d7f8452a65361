"""A receiver of remote write that enforces the specification and CloudTuner's rules."""

from __future__ import annotations

import base64
import threading

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.testing.exchange import Reply, Request
from otel_kubecost.testing.server import HttpServer
from otel_kubecost.testing.tsdb import Tsdb
from otel_kubecost.testing.wire import (
    LabelPairs,
    Message,
    Point,
    decode,
    header_faults,
    message_faults,
)

CLOUDTUNER_PATH = "/storage/api/v2/write"
_ACCOUNT_HEADER = "Cloud-Account-Id"


class RemoteWriteReceiver(HttpServer):
    """Takes remote write 1.0 at ``endpoint`` while the context lasts, and forgives nothing.

    - A request that breaks a rule is answered 400, or what CloudTuner says (401 credentials, 404
      path, 405 method, 422 account); nothing of it is stored.
    - A sample that is out of order or contradicts a stored one is answered 409, as Thanos does:
      the rest of the request is stored.
    - Why, is in ``violations``, one text each. Scripted answers are not violations.

    ``account_id`` and ``basic_auth`` (user, password) are demanded where given. ``retention`` are
    the seconds that samples are kept; None keeps everything.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        path: str = CLOUDTUNER_PATH,
        account_id: str | None = None,
        basic_auth: tuple[str, str] | None = None,
        retention: float | None = None,
    ) -> None:
        super().__init__(self._handle)
        self.violations: list[str] = []
        self._clock = clock or SystemClock()
        self._path = path
        self._account_id = account_id
        self._authorization = _basic(*basic_auth) if basic_auth else None
        self._retention = retention
        self._tsdb = Tsdb()
        self._sample_count = 0
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        """Where to write to: ``url`` with the path."""
        return self.url + self._path

    @property
    def sample_count(self) -> int:
        """How many samples were in requests that were answered with success."""
        return self._sample_count

    @property
    def series(self) -> dict[LabelPairs, list[Point]]:
        """Everything stored; stale markers among the values."""
        with self._lock:
            return {labels: list(points) for labels, points in self._tsdb.series.items()}

    def latest(
        self, at_ms: float | None = None, lookback: float = 300.0
    ) -> dict[LabelPairs, float]:
        """What an instant query at ``at_ms`` (now, on the receiver's clock) would find.

        A series without a sample in the last ``lookback`` seconds is absent, and so is one whose
        last sample is a stale marker.
        """
        with self._lock:
            return self._tsdb.latest(self._now_ms() if at_ms is None else at_ms, lookback)

    def _now_ms(self) -> float:
        return self._clock.time() * 1000

    def _handle(self, request: Request) -> Reply:
        refused = self._turn_away(request)
        if refused:
            return self._refuse(*refused)
        faults = list(header_faults(request))
        try:
            message = decode(request.body)
        except ValueError as error:
            return self._refuse(400, [*faults, str(error)])
        faults += message_faults(message, self._now_ms())
        return self._refuse(400, faults) if faults else self._store(message)

    def _store(self, message: Message) -> Reply:
        with self._lock:
            conflicts = [text for one in message.series for text in self._tsdb.append(one)]
            if self._retention is not None:
                self._tsdb.forget(self._now_ms() - self._retention * 1000)
            if not conflicts:
                self._sample_count += sum(len(one.points) for one in message.series)
        return self._refuse(409, conflicts) if conflicts else Reply(200)

    def _turn_away(self, request: Request) -> tuple[int, list[str]] | None:
        """CloudTuner's own checks, in its order: all come before the body is looked at."""
        if request.path != self._path:
            return 404, [f"path {request.path} instead of {self._path}"]
        if request.method != "POST":
            return 405, [f"method {request.method} instead of POST"]
        account = request.headers.get(_ACCOUNT_HEADER)
        if self._account_id and not account:
            return 400, [f"header {_ACCOUNT_HEADER} is missing"]
        if self._account_id and account != self._account_id:
            return 422, [f"account {account!r} is not known"]
        if self._authorization and request.headers.get("Authorization") != self._authorization:
            return 401, ["header Authorization is missing or has other credentials"]
        return None

    def _refuse(self, status: int, reasons: list[str]) -> Reply:
        self.violations.extend(reasons)
        return Reply(status, "\n".join(reasons).encode())


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
