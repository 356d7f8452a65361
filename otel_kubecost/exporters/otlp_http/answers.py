"""What an OTLP receiver answers, and what that means (OTLP 1.x, "OTLP/HTTP Response").

====================  =======  =========================================================
answer                action   because
====================  =======  =========================================================
2xx                   DONE     stored, but for the points that ``partial_success`` counts;
                               they are not offered again. With a message and no points
                               it is a warning
2xx with a web page   HOLD     a login, or something else that is no receiver
415                   HOLD     it takes another encoding, or this is the port of gRPC
all others            as in ``exporters.sending.answers``: 3xx is no success, 400 is
                      taken apart, 429 and 5xx are offered again
====================  =======  =========================================================

A failure has a ``google.rpc.Status`` in its body, encoded as the request or as JSON. Of it the
message is quoted, and interpreted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from otel_kubecost.exporters.encoding.protobuf import all_fields, read_int64
from otel_kubecost.exporters.sending import answers
from otel_kubecost.exporters.sending.answers import Meaning, classify, quote, words_in
from otel_kubecost.exporters.sending.retry import PROBE_SECONDS, Action, Verdict
from otel_kubecost.http.excerpt import is_page
from otel_kubecost.http.session import Response

_PATH = "OTLP's path is /v1/metrics: endpoint is the URL before it, metrics_endpoint all of it"
OTHER_PORT = "is this the port of OTLP over HTTP? It is 4318 mostly, and that of gRPC 4317"

TABLE = answers.table(
    {
        "too_large": "lower queue_config.max_points_per_send, or raise the receiver's limit",
        "wrong_url": _PATH,
        "redirected": "write the final URL into endpoint, or into metrics_endpoint as it is: "
        "credentials do not follow a redirect",
    },
    Meaning({415}, Action.HOLD, "not_understood",
            "the receiver does not take what it is sent ({status})",
            f"try compression: none; {OTHER_PORT}"),
    everywhere=f"check endpoint and headers; {OTHER_PORT}",
)  # fmt: skip

_READ = 8192
"""Bytes of a foreign message that are looked at."""


def verdict_on(answer: Response, sent: int, now: float) -> Verdict:
    """On the answer to ``sent`` points; ``now`` (seconds) is for dates in Retry-After."""
    if not 200 <= answer.status < 300:
        body = _status_message(answer.headers, answer.body)
        return classify(TABLE, answer.status, answer.headers, body, now)
    if not _is_told(answer.headers) and is_page(answer.headers, answer.body):
        return Verdict(
            Action.HOLD,
            "web_page",
            f"a web page came instead of a receiver's answer ({answer.status})",
            f"is it a login? {_PATH}",
            PROBE_SECONDS,
        )
    return _taken(answer, sent)


def _taken(answer: Response, sent: int) -> Verdict:
    partial = partial_success(answer.headers, answer.body)
    said = quote({}, partial.message.encode("utf-8", "replace"))
    if partial.rejected <= 0:
        if not said:
            return Verdict(Action.DONE)
        message = f"the receiver took the points with a warning ({answer.status}): {said}"
        return Verdict(Action.DONE, "warning", message, written=sent)
    message = f"the receiver refused some points and stored the rest ({answer.status})"
    verdict = Verdict(
        Action.DONE,
        "partly_stored",
        f"{message}: {said}" if said else message,
        refused={"refused": partial.rejected},
    )
    words = words_in(partial.message)
    if words is None:
        return verdict
    refused = {words.reason: partial.rejected}
    return replace(verdict, hint=words.hint, refused=refused, conflict=words.conflict)


class PartialSuccess(NamedTuple):
    rejected: int = 0
    """Points that were refused, of a request that was taken."""
    message: str = ""


def partial_success(headers: Mapping[str, str], body: bytes) -> PartialSuccess:
    """What a success says of the points; nothing where it cannot be read: it is one."""
    if _is_json(headers):
        partial = _of(_json(body), "partialSuccess", "partial_success")
        rejected = _of(partial, "rejectedDataPoints", "rejected_data_points")
        return PartialSuccess(
            _count(rejected), _text(_of(partial, "errorMessage", "error_message"))
        )
    of_partial = _fields(_fields(body).get(0x0A, b""))
    rejected = read_int64(of_partial.get(0x08, b"\x00"), 0)[0]
    return PartialSuccess(rejected, of_partial.get(0x12, b"").decode("utf-8", "replace"))


def _status_message(headers: Mapping[str, str], body: bytes) -> bytes:
    """The message of a ``google.rpc.Status``; of anything else the body as it is."""
    if _is_json(headers):
        return _text(_of(_json(body), "message")).encode("utf-8", "replace") or body
    if _is_protobuf(headers):
        return _fields(body).get(0x12, b"")
    return body


def _is_told(headers: Mapping[str, str]) -> bool:
    """Whether it says that it is OTLP: one of 60 bytes begins like a page, with a newline and <."""
    return _is_json(headers) or _is_protobuf(headers)


def _is_json(headers: Mapping[str, str]) -> bool:
    return "json" in headers.get("Content-Type", "").lower()


def _is_protobuf(headers: Mapping[str, str]) -> bool:
    return "protobuf" in headers.get("Content-Type", "").lower()


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _of(found: Any, *names: str) -> Any:
    """The first of ``names`` in a JSON object; None where that is none, or has none."""
    given = found if isinstance(found, dict) else {}
    return next((given[name] for name in names if name in given), None)


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""


def _count(found: Any) -> int:
    """JSON has an int64 as text, or as a number."""
    try:
        return int(found)
    except (TypeError, ValueError, OverflowError):
        return 0


def _fields(message: bytes) -> dict[int, bytes]:
    """By tag, the last of each; none of them where a foreign message cannot be read."""
    try:
        return {tag: payload for tag, payload, _ in all_fields(message[:_READ])}
    except IndexError:
        return {}
