"""What time it is at the receiver, by the ``Date`` of its answers, and what may be sent then.

One sample from the future makes Thanos and Prometheus refuse all that come after it until its time
has come (thanos#6167). So none is sent before its time has come at the receiver, and none at all
while our clock is more than ``TOLERANCE`` ahead of the receiver's: one of them is wrong then. Being
behind does no harm there: such samples are of a time that is over, held back or not.

The receiver's clock is followed on our monotonic one: a step of this machine's clock is noticed
before anything is sent, not by the answer to it.
"""

from __future__ import annotations

import threading
from collections import deque
from email.utils import parsedate_to_datetime
from statistics import median

from otel_kubecost.clock import Clock
from otel_kubecost.exporters.sending.retry import PROBE_SECONDS, Action, Verdict

TOLERANCE = 60.0
"""Seconds that our clock may be ahead."""
LONGEST_AGE = 86_400.0
"""Seconds that an answer is believed to have lain in a cache."""
KEPT_ANSWERS = 5
"""The median of so many counts: one node of the receiver with another time does not matter."""

REMEDY = "set the clock that is wrong (chrony, systemd-timesyncd)"


class ReceiverTime:
    """The clock of a receiver, to the second. Until it has said its time, it is ``clock``.

    Safe to use from several threads.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._heard: deque[float] = deque(maxlen=KEPT_ANSWERS)
        self._lead: float | None = None
        self._was_asked = False

    @property
    def is_known(self) -> bool:
        """Whether there was an answer, even one without a date."""
        return self._was_asked

    @property
    def is_far_ahead(self) -> bool:
        """Whether the receiver's clock is: what is sent is of a time that is over."""
        return (self.skew or 0) > TOLERANCE

    @property
    def skew(self) -> int | None:
        """Seconds by which the receiver is ahead of us; None where it does not say its time."""
        return None if self._lead is None else round(self.time() - self._clock.time())

    def time(self) -> float:
        """Seconds since the epoch, there and now."""
        if self._lead is None:
            return self._clock.time()
        return self._clock.monotonic() + self._lead

    def forget(self) -> None:
        """What is heard next counts alone."""
        with self._lock:
            self._heard.clear()

    def hear(self, date: str, asked: float, age: str = "") -> None:
        """``date`` is of an answer that came just now to what was asked at ``asked`` (monotonic).

        ``age`` are the seconds that it lay in a cache (RFC 9111, 5.1); without a cache, empty.

        It was some time in between, and in the second that it names. Our own clock is believed
        where that leaves it possible; otherwise the earliest time that it can have been.
        """
        self._was_asked = True
        try:
            there = parsedate_to_datetime(date).timestamp() + _seconds(age)
        except (ValueError, OverflowError):
            return
        now = self._clock.monotonic()
        ours, earliest, latest = self._clock.time() - now, there - now, there + 1 - asked
        with self._lock:
            self._heard.append(ours if earliest <= ours <= latest else earliest)
            self._lead = median(self._heard)

    def objection(self, newest: int) -> Verdict | None:
        """Why a request whose newest sample is of ``newest`` (ms) is not sent now."""
        skew = self.skew or 0
        if skew < -TOLERANCE:
            return _too_early(-skew)
        ahead = newest - round(self.time() * 1000)
        if ahead > TOLERANCE * 1000:
            return _from_the_future(ahead / 1000)
        return Verdict(Action.WAIT, retry_after=ahead / 1000) if ahead > 0 else None


def _seconds(age: str) -> float:
    return min(float(age), LONGEST_AGE) if age.isascii() and age.isdigit() else 0.0


def _too_early(seconds: int) -> Verdict:
    return Verdict(
        Action.HOLD,
        "clock_skew",
        f"the clock here is {seconds} s ahead of the receiver's; sending pauses",
        f"{REMEDY}; sending goes on within a minute",
        PROBE_SECONDS,
    )


def _from_the_future(ahead: float) -> Verdict:
    message = f"samples lie {ahead:.0f} s ahead of the receiver's clock"
    return Verdict(
        Action.SPLIT,
        "future",
        f"{message}; the others are sent without them",
        "they were stamped while the clock here was wrong, or by their source",
        alone=f"{message} and would make it refuse all that come after",
    )
