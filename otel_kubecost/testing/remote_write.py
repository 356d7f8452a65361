"""A receiver of remote write that enforces the specification and CloudTuner's rules."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Literal

from otel_kubecost.clock import Clock, SystemClock
from otel_kubecost.testing.exchange import Reply, Request
from otel_kubecost.testing.server import HttpServer
from otel_kubecost.testing.tsdb import Refusal, Tsdb
from otel_kubecost.testing.wire import (
    LabelPairs,
    Message,
    Point,
    decode,
    header_faults,
    is_v2,
    message_faults,
    show,
)
from otel_kubecost.testing.wire_v2 import decode_v2, time_faults

CLOUDTUNER_PATH = "/storage/api/v2/write"
_ACCOUNT_HEADER = "Cloud-Account-Id"


class RemoteWrite2(StrEnum):
    """What a receiver makes of remote write 2.0."""

    FAULT = "fault"
    """It is against the rules, as at CloudTuner, which says nothing and stores nothing."""
    TAKEN = "taken"
    """It is taken and counted, and so is 1.0."""
    UNSUPPORTED = "unsupported"
    """It is answered 415, as the specification asks of who does not know it."""
    SWALLOWED = "swallowed"
    """It is answered 200 and nothing is stored: Prometheus before 2.54, VictoriaMetrics, Thanos."""
    UNREADABLE = "unreadable"
    """It is answered 400: what a 1.x receiver may say of a body that it cannot read."""


class RemoteWriteReceiver(HttpServer):
    """Takes remote write 1.0 at ``endpoint`` while the context lasts, and forgives nothing.

    - A request that breaks a rule is answered 400, or what CloudTuner says (401 credentials, 404
      path, 405 method, 422 account); nothing of it is stored.
    - A sample that is out of order or contradicts a stored one is answered 409, as Thanos does:
      the rest of the request is stored. In 2.0 that is 400, with the number of samples that are.
      As ``product="prometheus"`` it is answered 400 (500 where it is too old), and nothing of the
      request is stored.
    - Why, is in ``violations``, one text each. Scripted answers are not violations.

    ``account_id`` and ``basic_auth`` (user, password) are demanded where given. ``retention`` are
    the seconds that samples are kept; None keeps everything. ``remote_write_2`` says what becomes
    of 2.0; a receiver that only does not know it finds no fault with it. ``out_of_order_window``
    (seconds): 0 for Prometheus' own, 3600 for CloudTuner's; None refuses nothing for its age alone.

    May be changed at any time: ``poison`` says of which series a request with it is answered
    ``poison_status`` and not stored; ``clock_offset`` are the seconds by which the clock here
    differs from ``clock``.
    """

    def __init__(  # noqa: PLR0913  what a receiver demands, each by name
        self,
        *,
        clock: Clock | None = None,
        path: str = CLOUDTUNER_PATH,
        account_id: str | None = None,
        basic_auth: tuple[str, str] | None = None,
        retention: float | None = None,
        remote_write_2: RemoteWrite2 = RemoteWrite2.FAULT,
        out_of_order_window: float | None = None,
        product: Literal["thanos", "prometheus"] = "thanos",
    ) -> None:
        super().__init__(self._handle)
        self.violations: list[str] = []
        self.poison: Callable[[LabelPairs], bool] | None = None
        self.poison_status = 400
        self.clock_offset = 0.0
        self._clock = clock or SystemClock()
        self._path = path
        self._account_id = account_id
        self._authorization = _basic(*basic_auth) if basic_auth else None
        self._retention = retention
        self._remote_write_2 = remote_write_2
        self._product = product
        self._tsdb = Tsdb(out_of_order_window)
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

    def _time(self) -> float:
        return self._clock.time() + self.clock_offset

    def _now_ms(self) -> float:
        return self._time() * 1000

    def _handle(self, request: Request) -> Reply:
        refused = self._turn_away(request)
        if refused:
            status, reasons = refused
            return self._refuse(status, [] if request.method == "HEAD" else reasons)
        if is_v2(request) and self._remote_write_2 is not RemoteWrite2.FAULT:
            return _UNAWARE.get(self._remote_write_2) or self._take_v2(request)
        faults = list(header_faults(request))
        try:
            message = decode(request.body)
        except ValueError as error:
            return self._refuse(400, [*faults, str(error)])
        faults += message_faults(message, self._now_ms())
        if faults:
            return self._refuse(400, faults)
        poisoned = self._poisoned(message)
        return poisoned or self._answered(self._store(message))

    def _take_v2(self, request: Request) -> Reply:
        """Whatever comes of it, the answer says how much is stored: that is how 2.0 is known."""
        faults = list(header_faults(request, "2.0.0"))
        message = Message(())
        try:
            message = decode_v2(request.body)
            faults += [*message_faults(message, self._now_ms()), *time_faults(message)]
        except ValueError as error:
            faults.append(str(error))
        poisoned = None if faults else self._poisoned(message)
        if faults or poisoned:
            reply = poisoned or self._refuse(400, faults)
            return replace(reply, headers=_written(Message(()), 0))
        conflicts = [refusal.text for refusal in self._store(message)]
        reply = Reply(400, "\n".join(conflicts).encode()) if conflicts else Reply(200)
        return replace(reply, headers=_written(message, len(conflicts)))

    def _poisoned(self, message: Message) -> Reply | None:
        poison = self.poison
        for series in message.series:
            if poison and poison(series.labels):
                return Reply(self.poison_status, f"cannot take {show(series.labels)}\n".encode())
        return None

    def _store(self, message: Message) -> list[Refusal]:
        """Store what can be stored; what cannot is returned and a violation."""
        with self._lock:
            refusals = self._append(message)
            if self._retention is not None:
                self._tsdb.forget(self._now_ms() - self._retention * 1000)
            if not refusals:
                self._sample_count += sum(len(one.points) for one in message.series)
        self.violations.extend(refusal.text for refusal in refusals)
        return refusals

    def _append(self, message: Message) -> list[Refusal]:
        if self._product == "thanos":
            return [text for one in message.series for text in self._tsdb.append(one)]
        with self._tsdb.undone_by_a_refusal() as refusals:
            refusals += [text for one in message.series for text in self._tsdb.append(one)]
        return refusals

    def _answered(self, refusals: Sequence[Refusal]) -> Reply:
        """In the words of the product (thanos ``writer.go``, prometheus ``write_handler.go``)."""
        if not refusals:
            return Reply(200)
        if self._product == "thanos":
            counts = Counter(refusal.kind for refusal in refusals)
            said = "; ".join(f"add {count} samples: {kind}" for kind, count in counts.items())
            return Reply(409, f"{said}\n".encode())
        first = refusals[0]
        return Reply(500 if first.kind == "too old sample" else 400, f"{first.kind}\n".encode())

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


_UNAWARE = {
    RemoteWrite2.UNSUPPORTED: Reply(415, b"unsupported media type"),
    RemoteWrite2.SWALLOWED: Reply(200),
    RemoteWrite2.UNREADABLE: Reply(400, b"unexpected EOF"),
}


def _written(message: Message, refused: int) -> dict[str, str]:
    counts = {
        "Samples": sum(len(one.points) for one in message.series) - refused,
        "Histograms": 0,
        "Exemplars": sum(len(one.exemplars) for one in message.series),
    }
    return {f"X-Prometheus-Remote-Write-{name}-Written": str(n) for name, n in counts.items()}


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
