"""What an answer to a write means: one table for all receivers. No I/O.

====================  =======  =========================================================
status                action   because
====================  =======  =========================================================
2xx                   DONE     stored
413                   SPLIT    half of it may be small enough; one series alone: ISOLATE
3xx 401 403 404 405   HOLD     the data is good and the configuration is not: nothing is
407                            lost while somebody mends it
408 425 429           RETRY    the receiver wants less, or later
5xx                   RETRY    it is busy or down; the same answer ten times running to
                               one request may be for a series in it: ISOLATE
400, other 4xx        ISOLATE  Prometheus refuses a whole request for one sample of it,
                               Mimir stores the rest, CloudTuner misses a header
====================  =======  =========================================================

A protocol puts rows of its own before these, and its remedies into them (``table``).

400, 5xx and a success with a reason may have one of the ``WORDS`` in their body, which say more:
that a sample is already there or comes too late, which is settled then for its series. No other
word is interpreted, and none of a web page.

401 is held because it passes: a password that was changed may be known a minute later. Retry-After
is honoured for every RETRY.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from otel_kubecost.exporters.sending.retry import PROBE_SECONDS, Action, Verdict, retry_after
from otel_kubecost.http.excerpt import excerpt, is_page, printable
from otel_kubecost.http.failure import FailureKind, HTTPFailure


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
    everywhere: str = ""
    """The hint where no other series is taken either."""
    unsaid: str = ""
    """The hint where the body is empty."""


REFUSED = "the receiver refused a whole request ({status})"

Table: TypeAlias = Sequence[Meaning]
"""The first row that has the status says what the answer means."""

_TABLE = (
    Meaning(range(200, 300), Action.DONE, "", ""),
    Meaning({413}, Action.SPLIT, "too_large",
            "the request is too large ({status}); sent in halves",
            "raise the receiver's limit",
            "one series alone is too large for the receiver ({status})"),
    Meaning({401}, Action.HOLD, "credentials_refused",
            "the receiver refused the credentials ({status})",
            "check basic_auth.username and its password, or oauth2; a rotation can take 60 s"),
    Meaning({403}, Action.HOLD, "forbidden",
            "the receiver forbids writing ({status})",
            "check the permissions of the user"),
    Meaning({404}, Action.HOLD, "wrong_url",
            "the write URL is wrong ({status})"),
    Meaning({405}, Action.HOLD, "wrong_url",
            "this URL takes no writes ({status})"),
    Meaning({407}, Action.HOLD, "proxy_credentials",
            "the proxy wants credentials ({status})",
            "put them into proxy_url"),
    Meaning(range(300, 400), Action.HOLD, "redirected",
            "the write URL redirects to {place} ({status})",
            "write the final URL into endpoint: credentials do not follow a redirect"),
    Meaning({429}, Action.RETRY, "status_429", "the receiver asks to be sent less ({status})"),
    Meaning({408, 425, *range(500, 1000)}, Action.RETRY, "status_{status}",
            "the receiver is busy or down ({status})"),
    Meaning(range(1000), Action.ISOLATE, "refused", REFUSED),
)  # fmt: skip


def table(hints: Mapping[str, str], *first: Meaning, everywhere: str = "") -> Table:
    """The rows of one protocol: ``first`` its own. ``hints`` are by the reasons of the others.

    ``everywhere`` is the hint where the receiver takes no series at all.
    """
    shared = [row._replace(hint=hints.get(row.reason, row.hint)) for row in _TABLE]
    return tuple(row._replace(everywhere=everywhere) for row in (*first, *shared))


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


def classify(
    rows: Table, status: int, headers: Mapping[str, str], body: bytes, now: float
) -> Verdict:
    """The verdict on an answer. ``now`` (seconds since the epoch) is for dates in Retry-After."""
    meaning = next(row for row in rows if status in row.statuses)
    verdict = _verdict(meaning, status, headers, body)
    text = "" if is_page(headers, body) else body.decode("utf-8", "replace")
    if meaning.action is Action.DONE and meaning.reason:
        refused = _refused(text)
        is_understood = bool(refused or words_in(text))
        conflict = is_understood and refused.keys() <= _CONFLICTS
        return replace(verdict, refused=refused, conflict=conflict)
    if meaning.action is Action.ISOLATE or status >= 500:
        said = words_in(text)
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
    hint = meaning.hint if said else meaning.unsaid or meaning.hint
    return Verdict(
        meaning.action,
        meaning.reason.format(status=status),
        f"{message}: {said}" if said else message,
        hint,
        PROBE_SECONDS if meaning.action is Action.HOLD else None,
        alone=meaning.alone.format(status=status),
        everywhere=meaning.everywhere,
    )


def _of_samples(verdict: Verdict, said: Words) -> Verdict:
    """A status above 499 too is no outage then (Prometheus: 500 for a sample that is too old)."""
    hint = said.hint or verdict.hint
    return replace(
        verdict, action=Action.ISOLATE, reason=said.reason, hint=hint, conflict=said.conflict
    )


def unanswered(failure: HTTPFailure) -> Verdict:
    """No (whole) answer came: the network's fault, or that of a file with a secret."""
    is_ours = failure.kind is FailureKind.UNREADABLE
    reason = str(failure.kind) if is_ours else f"network_{failure.kind}"
    return Verdict(Action.RETRY, reason, str(failure), failure.hint)


def words_in(text: str) -> Words | None:
    """Which of the ``WORDS`` stand in ``text``."""
    return next((words for words in WORDS if words.pattern.search(text)), None)


def _refused(text: str) -> dict[str, int]:
    """Samples by reason; of several replicas that name a cause the one that refused most."""
    by_cause: Counter[str] = Counter()
    for number, cause in _COUNTED.findall(text):
        by_cause |= Counter({cause: int(number[:9])})
    by_reason: Counter[str] = Counter()
    for cause, number in by_cause.items():
        said = words_in(cause)
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
