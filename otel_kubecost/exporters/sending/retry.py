"""What can be done about a request that was answered, and when it is tried again. No I/O."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum

PROBE_SECONDS = 60.0
"""How often held data is offered again."""
MAX_RETRY_AFTER = 600.0
"""What a receiver may ask for at most, in seconds."""


class Action(StrEnum):
    DONE = "done"
    """Settled: stored, but for what ``Verdict.refused`` says."""
    SPLIT = "split"
    """Half of it may be taken."""
    ISOLATE = "isolate"
    """One series of it may be at fault: ``isolation`` finds out."""
    RETRY = "retry"
    """Soon, with growing pauses, or when the receiver says."""
    HOLD = "hold"
    """The data is good: keep it, and look once a minute whether somebody mended the rest."""
    WAIT = "wait"
    """Its time has not come; nothing is wrong."""
    DROP = "drop"
    """Give up."""


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
    """How many samples the receiver has stored all the same: of a request that is dropped, or with
    something to say of it."""
    refused: Mapping[str, int] = field(default_factory=dict)
    """Of a request that is done: samples that were not stored, by reason."""
    conflict: bool = False
    """The receiver has these samples, or newer ones: with two agents that is in order."""
    doubtful: bool = False
    """A request that gets this answer again and again may itself be the cause."""
    alone: str = ""
    """The message where a request has to be split and cannot be."""
    everywhere: str = ""
    """The hint where the receiver takes no other series either."""
    series: str = ""
    """The one series that this is about, as PromQL writes it."""


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
