"""What a queue loses by itself, and what it says then."""

from __future__ import annotations

from dataclasses import replace

from otel_kubecost.exporters.sending.backlog import QUEUE_FULL
from otel_kubecost.exporters.sending.retry import Action, Verdict

TOO_OLD = Verdict(
    Action.DROP,
    "too_old",
    "samples waited longer than they are worth keeping",
    "raise retention, and sample_age_limit where it is set",
)
FULL = Verdict(
    Action.DROP,
    QUEUE_FULL,
    "the queue is full: the oldest samples are dropped",
    "raise queue_config.capacity",
)
DISK_FULL = replace(
    FULL,
    message="the spool is full: the oldest samples are dropped",
    hint="raise max_bytes of the file_storage",
)
AT_THE_END = Verdict(
    Action.DROP,
    "shutdown",
    "samples were not delivered before the end",
    "they were in memory alone; with `storage` they wait on the disk for the next start",
)
DAMAGED = Verdict(Action.DROP, "damaged", "samples could not be read from the disk")
"""A spool says so itself."""
DEFECT = Verdict(Action.DROP, "internal_error", "a request could not be sent; see the error above")


def indivisible(verdict: Verdict) -> Verdict:
    """Of a request that has to be split and has one series."""
    return replace(verdict, action=Action.DROP, message=verdict.alone or verdict.message)
