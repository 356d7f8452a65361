"""Which message a receiver knows, and how much of one it stored: what answers to 2.0 say.

A receiver that knows remote write 2.0 says with every answer how many samples it wrote. One that
does not know it may say so (415), refuse the body (400), or read an empty message, answer 204 and
have stored nothing: Prometheus before 2.54, VictoriaMetrics and Thanos do.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_kubecost.exporters.sending.answers import quote
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.http.session import Response
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

_WRITTEN = "X-Prometheus-Remote-Write-{}-Written"


class Negotiation:
    """Whether to write 2.0: once it is given up, never again. Safe to use from several threads."""

    def __init__(self, *, wanted: bool, **context: Any) -> None:
        self._log = _log.bind(**context)
        self._lock = threading.Lock()
        self._proven = False
        self.speaks_v2 = wanted

    def leaves_open(self, answer: Response) -> bool:
        """Whether it has to be tried in 1.0 what ``answer`` means.

        A refusal (400) is about the message only where no answer ever was one of 2.0.
        """
        self._proven = self._proven or written(answer.headers) is not None
        return answer.status == 400 and not self._proven

    def give_up(self, status: int) -> None:
        """From now on 1.0, because of an answer with ``status``."""
        with self._lock:
            given_up, self.speaks_v2 = not self.speaks_v2, False
        if not given_up:
            self._log.warning(
                f"The receiver does not know remote write 2.0 ({status}): it is sent 1.0, "
                "from these samples on",
                status=status,
                hint="leave protobuf_message out, or update the receiver",
            )


def shows_v1(answer: Response) -> bool:
    """Whether ``answer`` to a request of 2.0 is that of a receiver that does not know it."""
    success = 200 <= answer.status <= 299
    return answer.status == 415 or (success and written(answer.headers) is None)


def written(headers: Mapping[str, str]) -> int | None:
    """How many samples are stored; None where nothing is said as 2.0 says it.

    A kind that has no header among others that have was not written.
    """
    kinds = ("Samples", "Histograms", "Exemplars")
    said = {kind: headers.get(_WRITTEN.format(kind), "").strip() for kind in kinds}
    counts = {kind: int(text) for kind, text in said.items() if text.isascii() and text.isdigit()}
    return counts.get("Samples", 0) if counts else None


def counted(verdict: Verdict, answer: Response, sent: int) -> Verdict:
    """``verdict`` on ``sent`` samples with what the answer says of how many are stored.

    What is offered again is offered whole: receivers take a sample twice. A receiver that stored a
    part has told the good series from the bad; of one that stored nothing that is not known.
    """
    stored = written(answer.headers)
    if stored is None or verdict.action not in {Action.DONE, Action.DROP, Action.ISOLATE}:
        return verdict
    if verdict.action is Action.ISOLATE and stored == 0:
        return verdict
    # A 2xx has nothing to say beyond its headers (2.0: senders MUST ignore the body).
    said = "" if answer.status <= 299 else quote(answer.headers, answer.body)
    message = f"the receiver stored {stored} of {sent} samples ({answer.status})"
    message += f": {said}" if said else ""
    if stored < sent:
        reason = verdict.reason or "not_written"
        return replace(verdict, action=Action.DROP, reason=reason, message=message, written=stored)
    if verdict.action is Action.DONE:
        return verdict
    return replace(verdict, action=Action.DONE, reason="partly_stored", message=message)
