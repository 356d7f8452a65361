"""What an answer to a write means: one table for all receivers. No I/O.

====================  =======  =========================================================
status                action   because
====================  =======  =========================================================
2xx                   DONE     stored; the body says nothing more
409                   DONE     Thanos, CloudTuner: the samples that the body counts were
                               refused, the rest of the request is stored; in other words
                               it is a warning at once
413                   SPLIT    half of it may be small enough; one series alone: ISOLATE
3xx 401 403 404 405   HOLD     the data is good and the configuration is not: nothing is
407 422                        lost while somebody mends it
408 425 429           RETRY    the receiver wants less, or later
5xx                   RETRY    it is busy or down; the same answer ten times running to
                               one request may be for a series in it: ISOLATE
400, other 4xx        ISOLATE  Prometheus refuses a whole request for one sample of it,
                               Mimir stores the rest, CloudTuner misses a header
====================  =======  =========================================================

400, 409 and 5xx may have one of the ``WORDS`` in their body, which say more: that a sample is
already there or comes too late, which is settled then for its series. No other word is interpreted,
and none of a web page. VictoriaMetrics refuses nothing but what it cannot decode.

401 and 422 are held because they pass: CloudTuner caches accounts by the minute, so a new password
or a new account is refused for up to 60 s. Retry-After is honoured for every RETRY.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

from otel_kubecost.exporters.sending.retry import PROBE_SECONDS, Action, Verdict, retry_after
from otel_kubecost.http.excerpt import excerpt, is_page, printable


class Meaning(NamedTuple):
    """A row of the table."""

    statuses: Container[int]
    action: Action
    reason: str
    message: str
    """``{status}``, and ``{place}`` where a redirect leads, are filled in."""
    hint: str = ""
    alone: str = ""
    """The message where a request has to be split and cannot be."""


TABLE = (
    Meaning(range(200, 300), Action.DONE, "", ""),
    Meaning({409}, Action.DONE, "partly_stored",
            "some samples were not stored, the rest was ({status})",
            "the receiver has them already with another value, or they are older than its window"),
    Meaning({413}, Action.SPLIT, "too_large",
            "the request is too large ({status}); sent in halves",
            "lower queue_config.max_samples_per_send, or raise the receiver's limit",
            "one series alone is too large for the receiver ({status})"),
    Meaning({401}, Action.HOLD, "credentials_refused",
            "the receiver refused the credentials ({status})",
            "check basic_auth.username and its password, or oauth2; a rotation can take 60 s"),
    Meaning({403}, Action.HOLD, "forbidden",
            "the receiver forbids writing ({status})",
            "check the permissions of the user"),
    Meaning({404}, Action.HOLD, "wrong_url",
            "the write URL is wrong ({status})",
            "CloudTuner's ends in /storage/api/v2/write"),
    Meaning({405}, Action.HOLD, "wrong_url",
            "this URL takes no writes ({status})",
            "CloudTuner's ends in /storage/api/v2/write"),
    Meaning({407}, Action.HOLD, "proxy_credentials",
            "the proxy wants credentials ({status})",
            "put them into proxy_url"),
    Meaning({422}, Action.HOLD, "account_unknown",
            "the receiver does not know the account ({status})",
            "compare the header Cloud-Account-Id with Cloud Accounts (type Kubernetes) in "
            "CloudTuner"),
    Meaning(range(300, 400), Action.HOLD, "redirected",
            "the write URL redirects to {place} ({status})",
            "write the final URL into endpoint: credentials do not follow a redirect"),
    Meaning({429}, Action.RETRY, "status_429", "the receiver asks to be sent less ({status})"),
    Meaning({408, 425, *range(500, 1000)}, Action.RETRY, "status_{status}",
            "the receiver is busy or down ({status})"),
    Meaning(range(1000), Action.ISOLATE, "refused",
            "the receiver refused a whole request ({status})"),
)  # fmt: skip
"""The first row that has the status says what the answer means."""


class Words(NamedTuple):
    """What a body may say of single samples, and what they are counted as then."""

    reason: str
    pattern: re.Pattern[str]
    hint: str = ""
    conflict: bool = True


def _one_of(*phrases: str) -> re.Pattern[str]:
    return re.compile("|".join(phrases), re.IGNORECASE)


WORDS = (
    # The same sample with the same value is taken again without a word: this is another value.
    Words("duplicate", _one_of("duplicate sample for timestamp", "sample-duplicate-timestamp"),
          "another agent writes these series with other values; stop it, or give each agent "
          "external_labels of its own"),
    Words("out_of_order", _one_of("out of order sample", "out of bounds", "too old sample",
                             "sample-out-of-order", "sample-timestamp-too-old"),
          "something newer was written before; the receiver's window for late samples is past"),
    Words("refused", _one_of("invalid sample"), conflict=False),
)  # fmt: skip
"""Of Prometheus and Thanos (``storage.Err...``, ``labelpb.Err...``), and Mimir's error ids."""
_CONFLICTS = {words.reason for words in WORDS if words.conflict}
_COUNTED = re.compile(r"add (\d+) (?:samples|series): ([^;\n]*)")
"""How Thanos says in a 409 what it did not store (``receive/writer.go``)."""


def classify(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Verdict:
    """The verdict on an answer. ``now`` (seconds since the epoch) is for dates in Retry-After."""
    meaning = next(row for row in TABLE if status in row.statuses)
    verdict = _verdict(meaning, status, headers, body)
    text = "" if is_page(headers, body) else body.decode("utf-8", "replace")
    if status == 409:
        refused = _refused(text)
        is_understood = bool(refused or _words(text))
        conflict = is_understood and refused.keys() <= _CONFLICTS
        return replace(verdict, refused=refused, conflict=conflict)
    if meaning.action is Action.ISOLATE or status >= 500:
        said = _words(text)
        if said is not None:
            return _of_samples(verdict, said)
    if meaning.action is Action.RETRY:
        wait = retry_after(headers.get("Retry-After", ""), now)
        return replace(verdict, retry_after=wait, doubtful=status >= 500 and wait is None)
    return verdict


def _verdict(meaning: Meaning, status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    if meaning.reason == "":
        return Verdict(meaning.action)
    place = _host(headers.get("Location", "")) or "another path"
    message = meaning.message.format(status=status, place=place)
    said = quote(headers, body)
    hint = meaning.hint
    if status == 400 and not said:
        hint = "CloudTuner answers so without a valid header Cloud-Account-Id"
    return Verdict(
        meaning.action,
        meaning.reason.format(status=status),
        f"{message}: {said}" if said else message,
        hint,
        PROBE_SECONDS if meaning.action is Action.HOLD else None,
        alone=meaning.alone.format(status=status),
    )


def _of_samples(verdict: Verdict, said: Words) -> Verdict:
    """A status above 499 too is no outage then (Prometheus: 500 for a sample that is too old)."""
    hint = said.hint or verdict.hint
    return replace(
        verdict, action=Action.ISOLATE, reason=said.reason, hint=hint, conflict=said.conflict
    )


def _words(text: str) -> Words | None:
    return next((words for words in WORDS if words.pattern.search(text)), None)


def _refused(text: str) -> dict[str, int]:
    """Samples by reason; of several replicas that name a cause the one that refused most."""
    by_cause: Counter[str] = Counter()
    for number, cause in _COUNTED.findall(text):
        by_cause |= Counter({cause: int(number[:9])})
    by_reason: Counter[str] = Counter()
    for cause, number in by_cause.items():
        said = _words(cause)
        by_reason[said.reason if said else "refused"] += number
    return dict(by_reason)


def _host(url: str) -> str:
    """With its port, without credentials. Empty where an ``@`` behind it says it is none.

    A password with a bare ``/`` ends the host too early: the user and its beginning stand there.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if "@" in f"{parts.path}{parts.query}{parts.fragment}":
        return ""
    name = f"[{host}]" if ":" in host else host
    return printable(f"{name}:{port}" if port else name)


def quote(headers: Mapping[str, str], body: bytes) -> str:
    """What the receiver says, in quotes and bounded; never a web page. Empty for nothing."""
    if is_page(headers, body):
        return "a web page"
    said = excerpt(headers, body)
    return f"{said!r}" if said else ""
