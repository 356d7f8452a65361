"""Which series a receiver will not take, and whether it takes any at all.

A request that was refused as a whole, or that meets a 5xx ten times running, has one series that
this receiver never takes, or has met a receiver that takes nothing, as with a wrong header or the
wrong kind of endpoint. To drop is right in the first case and costs the whole backlog in the
second. So the rule is:

1. First a *witness* is sought: five series of the request, each alone, then one of a request
   behind it. If none is taken the fault is the endpoint's: everything is kept, and a minute later
   the same is tried with other series.
2. With a witness the request goes in halves, in order, until what is refused is one series.
3. That series is dropped only if the receiver takes the witness again at that moment and refuses
   the series again after it.
4. After ``LIMIT`` refusals, what of the request is still refused is dropped without being halved.

So a bad series among 540 costs some 25 small requests, an endpoint that refuses everything seven
a minute. Where the receiver says of the samples that it has them, or newer ones, they are settled
without step 3, and all at once where the five series get that answer, too: another agent was here.

A request that is too large goes in halves as it is. Where one series alone is too large it is
dropped by step 3 as well: a proxy with a tiny limit takes none, and would cost the whole backlog.

A sample that is offered twice does no harm: every receiver takes the same value again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Generic

from otel_kubecost.exporters.sending.entry import Entry, R, Sendable, Trial
from otel_kubecost.exporters.sending.losses import indivisible
from otel_kubecost.exporters.sending.retry import PROBE_SECONDS, Action, Verdict

TOO_LARGE = "too_large"
"""The reason of an answer to what has to be split, and of no objection of our own."""
PERSISTENT = 10
"""How often one request meets a 5xx until it is suspected itself."""
LIMIT = 128
"""Parts of one request that are refused before the rest is not halved any more."""
WITNESSES = 5
_SPREAD = 0.618034
"""From one witness to the next, as a part of the request: by the golden ratio they lie far from
each other in each round, and in no pattern that series might have."""


def is_suspect(entry: Entry[R], verdict: Verdict) -> bool:
    """Whether the request itself may be why it was not taken."""
    is_too_large = verdict.action is Action.SPLIT and verdict.reason == TOO_LARGE
    if verdict.action is Action.ISOLATE or (is_too_large and entry.request.series == 1):
        return True
    persists = entry.trial is not None or (entry.attempts + 1) % PERSISTENT == 0
    return verdict.doubtful and persists


class Isolation(Generic[R]):
    """Decides about suspects.

    ``send(request, attempt)`` is the queue's; ``later(entry, place)`` gives another request that
    is not settled, a few places on; None where there is none.
    """

    def __init__(
        self, send: Callable[[R, int], Verdict], later: Callable[[Entry[R], int], R | None]
    ) -> None:
        self._send = send
        self._later = later

    def decide(self, entry: Entry[R], verdict: Verdict) -> Verdict:
        """What to do with ``entry``, whose last answer was ``verdict``; never ISOLATE."""
        request = entry.request
        if not request.samples:  # metadata: it is repeated, and samples wait behind it
            return replace(verdict, action=Action.DROP)
        if verdict.conflict and request.series == 1:
            return replace(verdict, action=Action.DROP, series=request.title)
        found = entry.trial or self._open(entry, verdict)
        if isinstance(found, Verdict):
            return found
        entry.trial = found
        return self._go_on(entry, found, verdict)

    def _open(self, entry: Entry[R], verdict: Verdict) -> Trial[R] | Verdict:
        """A trial with a witness, or what to do where there is none."""
        entry.rounds += 1
        witnesses = list(_some_series(entry))
        contradicted = []
        for witness in witnesses:
            answer = self._send(witness, entry.attempts + 1)
            if answer.action is Action.DONE:
                return Trial(witness)
            if not _refuses(answer):
                return answer
            contradicted += [witness] * answer.conflict
        if verdict.conflict and witnesses and contradicted == witnesses:
            return replace(verdict, action=Action.DROP)
        return Trial(contradicted[0]) if contradicted else self._ask_later(entry, verdict)

    def _ask_later(self, entry: Entry[R], verdict: Verdict) -> Trial[R] | Verdict:
        """A request of which every series is bad has its witness behind it.

        The nearest is asked for five of its series before the next: a witness from further on
        would overtake older samples of its series, which then come too late.
        """
        later = self._later(entry, (entry.rounds - 1) // WITNESSES)
        if later is None:
            return _nobody(verdict)
        witness = later.only(entry.rounds * _SPREAD % 1)
        answer = self._send(witness, 0)
        if _takes(answer):
            return Trial(witness)
        return _nobody(verdict) if _refuses(answer) else answer

    def _go_on(self, entry: Entry[R], trial: Trial[R], verdict: Verdict) -> Verdict:
        trial.refusals += 1
        if entry.request.series > 1 and trial.refusals <= LIMIT:
            return replace(verdict, action=Action.SPLIT)
        if verdict.conflict:
            return replace(verdict, action=Action.DROP)
        answer = self._send(trial.witness, 0)
        if not _takes(answer):
            return _nobody(verdict) if _refuses(answer) else answer
        answer = self._send(entry.request, entry.attempts + 1)
        return _guilty(entry.request, answer) if _refuses(answer) else answer


def _some_series(entry: Entry[R]) -> Iterable[R]:
    if entry.request.series == 1:
        return []
    first = (entry.rounds - 1) * WITNESSES
    places = [number * _SPREAD % 1 for number in range(first, first + WITNESSES)]
    return dict.fromkeys(entry.request.only(place) for place in places)


def _takes(answer: Verdict) -> bool:
    """Whether the receiver reads what it is sent: who knows a sample has read it."""
    return answer.action is Action.DONE or answer.conflict


def _refuses(answer: Verdict) -> bool:
    return answer.action in {Action.ISOLATE, Action.SPLIT} or answer.doubtful


def _nobody(verdict: Verdict) -> Verdict:
    """No series is taken: an outage goes on as one, a refusal waits for somebody to mend it."""
    if verdict.action is Action.RETRY:
        return verdict
    if verdict.action is Action.SPLIT:
        return replace(
            verdict,
            action=Action.HOLD,
            message=f"the receiver takes no series it is offered: {verdict.alone}",
            hint="raise the largest body that the receiver and each proxy before it take "
            "(nginx: client_max_body_size)",
            retry_after=PROBE_SECONDS,
        )
    return Verdict(
        Action.HOLD,
        "refuses_everything",
        f"the receiver refuses every series it is offered: {verdict.message}",
        verdict.hint or verdict.everywhere or "check endpoint and headers",
        PROBE_SECONDS,
    )


def _guilty(request: Sendable, answer: Verdict) -> Verdict:
    if answer.action is Action.SPLIT and request.series == 1:
        return replace(indivisible(answer), series=request.title)
    what = "the receiver takes other series but not this one"
    if request.series > 1:
        what = "too many series of one request are refused, what is left of it is given up"
    return replace(
        answer,
        action=Action.DROP,
        reason=answer.reason if answer.conflict else "refused",
        message=f"{what}: {answer.message}",
        series=request.title if request.series == 1 else "",
    )
