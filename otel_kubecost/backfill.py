"""Marks of a time that somebody names, read again and sent: ``otel-kubecost backfill``.

Every exporter that takes history is sent each mark of ``[start, end)`` oldest first, one after
another over all receivers: what is newer than a mark may shut out the mark.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from opentelemetry.sdk.metrics.export import MetricsData

from otel_kubecost.clock import floor_mark
from otel_kubecost.component import Past
from otel_kubecost.pdata import count_points
from otel_kubecost.reader import Reader

PATIENCE = 600.0
"""Seconds that a mark waits for a destination that is down."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What one exporter is sent of one receiver."""

    reader: Reader
    past: Past
    name: str
    """By which the receiver knows how far this backfill came."""
    after: float | None
    """The newest mark that an earlier attempt delivered."""

    @property
    def exporter(self) -> str:
        return self.reader.outlet.name

    @property
    def delivered(self) -> float | None:
        """The newest mark that the exporter has from the agent, as far as that is known."""
        return self.reader.receiver.checkpoint(self.reader.name)

    def marks(self) -> list[float]:
        """Those that are still to be sent."""
        return [mark for mark in self.past.marks if self.after is None or mark > self.after]


def lanes(readers: Iterable[Reader], start: float, end: float, identity: str) -> list[Lane]:
    """One for each reader that has a mark of ``[start, end)``.

    ``identity`` tells this configuration from others, for resuming.
    """
    digest = hashlib.sha256(identity.encode()).hexdigest()[:12]
    return [
        _lane(reader, start, end, digest) for reader in readers if _first_mark(reader, start) < end
    ]


def _first_mark(reader: Reader, start: float) -> float:
    """The first that is not before ``start``."""
    return -floor_mark(-start, reader.receiver.emit_interval)


def _lane(reader: Reader, start: float, end: float, digest: str) -> Lane:
    name = f"backfill {round(start)} {round(end)} {digest} {reader.name}"
    past = reader.receiver.recall(_first_mark(reader, start), end)
    return Lane(reader, past, name, reader.receiver.checkpoint(name))


@dataclass(slots=True)
class Outcome:
    """What became of a backfill so far."""

    marks: int = 0
    """With data, that were delivered."""
    samples: int = 0
    empty: int = 0
    """For which Kubecost has nothing any more."""
    refused: int = 0
    """That a destination will never take; the log says why."""
    partly: int = 0
    """Of ``marks``, those of which a destination refused a part."""
    at: float | None = None
    """The mark to go on from: all that are earlier are done with."""
    stopped: str = ""
    """The exporter that took nothing for so long that the rest was not tried."""


def send(plan: Sequence[Lane], outcome: Outcome) -> Iterator[None]:
    """Send one mark a step, and keep ``outcome`` up to date.

    Raises ScrapeError, and RetryableError where a processor refuses a mark. Ends early where an
    exporter takes nothing for ``PATIENCE`` seconds.
    """
    for mark, lane, batch in _in_order(plan):
        outcome.at = mark
        _deliver(lane, mark, batch, outcome)
        if outcome.stopped:
            return
        lane.reader.receiver.delivered(mark, lane.name)
        yield
    for lane in plan:
        lane.reader.receiver.forget(lane.name)


def _in_order(plan: Sequence[Lane]) -> Iterator[tuple[float, Lane, MetricsData]]:
    def batches(lane: Lane) -> Iterator[tuple[float, Lane, MetricsData]]:
        return ((mark, lane, batch) for mark, batch in lane.past.batches(lane.after))

    return heapq.merge(*map(batches, plan), key=lambda one: one[0])


def _deliver(lane: Lane, mark: float, batch: MetricsData, outcome: Outcome) -> None:
    processed = lane.reader.process(batch) if batch.resource_metrics else None
    if processed is None:
        outcome.empty += 1
        return
    outlet = lane.reader.outlet
    partly_stored = outlet.partly_stored
    if outlet.export(processed, PATIENCE * 1000):
        outcome.marks += 1
        outcome.samples += count_points(processed)
        outcome.partly += outlet.partly_stored > partly_stored
    elif outlet.keeps and outlet.settled(mark):
        outcome.refused += 1
    else:
        outcome.stopped = lane.exporter
