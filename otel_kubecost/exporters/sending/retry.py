"""What an answer to a write means: one table, no I/O.

===================  ======  ============================================================
status               action  because
===================  ======  ============================================================
2xx                  DONE    stored; the body says nothing more
400                  DROP    the whole request was refused, if for one sample: Prometheus
                             rolls it back; these bytes will never be taken
409                  DONE    Thanos refused some samples and stored the rest
413                  SPLIT   half of it may be small enough
408 425 429 5xx      RETRY   the receiver is busy or down
3xx 401 403 404 405  HOLD    the data is good and the configuration is not: nothing is
407 422                      lost while somebody mends it
other 4xx            DROP    remote write 1.0: a sender MUST NOT send it again
===================  ======  ============================================================

401 and 422 are held because they pass: CloudTuner caches accounts by the minute, so a new
password or a new account is refused for up to 60 s.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import urlsplit

from otel_kubecost.http.excerpt import excerpt, is_page, printable

PROBE_SECONDS = 60.0
"""How often held data is offered again."""
MAX_RETRY_AFTER = 600.0
"""What a receiver may ask for at most, in seconds."""


class Action(StrEnum):
    DONE = "done"
    RETRY = "retry"
    HOLD = "hold"
    SPLIT = "split"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with a request, and what to say about it."""

    action: Action
    reason: str = ""
    """One word for a counter; empty where all is well."""
    message: str = ""
    hint: str = ""
    retry_after: float | None = None
    """Seconds to wait before this is tried again; None and 0 leave it to the backoff."""
    written: int = 0
    """How many samples of a request that is dropped the receiver has stored all the same."""


def classify(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Verdict:
    """The verdict on an answer. ``now`` (seconds since the epoch) is for dates in Retry-After."""
    if 200 <= status <= 299:
        return Verdict(Action.DONE)
    if 300 <= status <= 399 or status in _HELD:
        reason, message, hint = _HELD.get(status) or _redirect(headers)
        said = excerpt(headers, body)
        message = f"{message} ({status}): {said!r}" if said else f"{message} ({status})"
        return Verdict(Action.HOLD, reason, message, hint, PROBE_SECONDS)
    if status == 413:
        return Verdict(Action.SPLIT, "too_large", "the request is too large (413); sent in halves")
    if status in {408, 425, 429} or status >= 500:
        return _busy(status, headers, now)
    if status == 409:
        return _partly_stored(headers, body)
    return _refused(status, headers, body)


_HELD = {
    401: (
        "credentials_refused",
        "the receiver refused the credentials",
        "check basic_auth.username and its password, or oauth2; a rotation can take 60 s",
    ),
    403: ("forbidden", "the receiver forbids writing", "check the permissions of the user"),
    404: ("wrong_url", "the write URL is wrong", "CloudTuner's ends in /storage/api/v2/write"),
    405: ("wrong_url", "this URL takes no writes", "CloudTuner's ends in /storage/api/v2/write"),
    407: ("proxy_credentials", "the proxy wants credentials", "put them into proxy_url"),
    422: (
        "account_unknown",
        "the receiver does not know the account",
        "compare the header Cloud-Account-Id with Cloud Accounts (type Kubernetes) in CloudTuner",
    ),
}  # fmt: skip


def _redirect(headers: Mapping[str, str]) -> tuple[str, str, str]:
    host = printable(urlsplit(headers.get("Location", "")).netloc.rpartition("@")[2])
    hint = "write the final URL into endpoint: credentials do not follow a redirect"
    return "redirected", f"the write URL redirects to {host or 'another path'}", hint


def _busy(status: int, headers: Mapping[str, str], now: float) -> Verdict:
    what = "asks to be sent less" if status == 429 else "is busy or down"
    wait = retry_after(headers.get("Retry-After", ""), now)
    return Verdict(Action.RETRY, f"status_{status}", f"the receiver {what} ({status})", "", wait)


def _partly_stored(headers: Mapping[str, str], body: bytes) -> Verdict:
    message = f"some samples were not stored, the rest was (409): {quote(headers, body)}"
    hint = "the receiver has them already with another value, or they are older than its window"
    return Verdict(Action.DONE, "partly_stored", message, hint)


_WORDS = {
    "duplicate": ("duplicate sample",),
    "too_old": ("out of order", "out of bounds", "too old"),
}
"""What a 400 says, in Prometheus' words, by the reason to book it under."""
_REMEDIES = {
    # The same sample with the same value is taken again without a word: this is another value.
    "duplicate": "another agent writes these series with other values; stop it, or give each "
    "agent external_labels of its own",
    "too_old": "something newer was written before; the receiver's window for late samples is past",
}


def _refused(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    said = quote(headers, body)
    reason = _reason(status, said.lower())
    hint = _REMEDIES.get(reason, "")
    if not body.strip():
        hint = "CloudTuner answers so without a valid header Cloud-Account-Id"
    message = f"the receiver refused a whole request ({status}): {said}"
    return Verdict(Action.DROP, reason, message, hint)


def _reason(status: int, said: str) -> str:
    if status == 400:
        for reason, words in _WORDS.items():
            if any(phrase in said for phrase in words):
                return reason
    return "refused"


def quote(headers: Mapping[str, str], body: bytes) -> str:
    """What the receiver says, in quotes; never a web page."""
    if is_page(headers, body):
        return "a web page"
    said = excerpt(headers, body)
    return f"{said!r}" if said else "no reason given"


def retry_after(value: str, now: float) -> float | None:
    """Seconds from ``now`` that the header asks for, 600 at most; None where it asks for nothing.

    Its value is a number of seconds or an HTTP date (RFC 9110, 10.2.3).
    """
    if value.isascii() and value.isdigit():
        return min(float(value), MAX_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(value).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(seconds, MAX_RETRY_AFTER) if seconds > 0 else None


def backoff(
    attempt: int,
    *,
    minimum: float = 0.03,
    maximum: float = 5.0,
    random: Callable[[], float] = random.random,
) -> float:
    """Seconds before attempt ``attempt + 1``: doubled each time, up to 10 percent less by chance.

    Little jitter, so that each wait is at least 0.8 of the one before (prometheus/compliance).
    """
    return min(maximum, minimum * 2.0 ** min(attempt, 64)) * (1 - 0.1 * random())
