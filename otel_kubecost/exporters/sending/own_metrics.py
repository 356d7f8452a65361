"""How a queue stands, under the names that the Collector has for it, and ours for the rest.

    Stats                        otelcol_exporter_...
    delivered                    sent_metric_points
    dropped: by the receiver     send_failed_metric_points
    dropped: too old, at an end  send_failed_metric_points
    dropped: for want of room    enqueue_failed_metric_points
    pending                      queue_size

So alerts that somebody has for a Collector fire for this agent as well.

With a spool the queue has no capacity in samples, and ``queue_capacity`` is not there: what memory
holds would make every outage look like one that loses data.

The Collector's counters have both names in the field: its own page leaves ``_total`` out, one that
a user sets up as a reader may have it (opentelemetry.io#6642). Both are here; without the suffix
they are gauges by type, for which ``rate`` does not care.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from opentelemetry.sdk.metrics.export import Metric

from otel_kubecost.exporters.sending.losses import AT_THE_END, DAMAGED, DEFECT, FULL, TOO_OLD
from otel_kubecost.exporters.sending.stats import Stats
from otel_kubecost.own_metrics import own_metric

NO_ROOM = frozenset({FULL.reason})
"""Reasons of a queue that is full."""
OURS = NO_ROOM | {TOO_OLD.reason, AT_THE_END.reason, DAMAGED.reason, DEFECT.reason}
"""Reasons for which samples are thrown away here. For all others the receiver refused them."""

Value: TypeAlias = tuple[str, str, float | None]
"""Name, description; None is not published."""


def queue_metrics(
    stats: Stats,
    exporter: str,
    *,
    has_spool: bool,
    now: float,
    oldest_pending: float | None = None,
) -> Iterator[Metric]:
    """At ``now``; both times are seconds since the epoch, None where nothing waits."""
    named = {"exporter": exporter}
    queue = {**named, "data_type": "metrics"}
    yield from values_of("otelcol_exporter", named, _points(stats), now)
    yield from values_of("otelcol_exporter", queue, _queue(stats, has_spool), now)
    yield from values_of("otel_kubecost", named, _beyond(stats, has_spool, oldest_pending), now)
    yield from _reasons(stats, named, now)


def values_of(
    prefix: str, labels: Mapping[str, str], values: Iterable[Value], now: float
) -> Iterator[Metric]:
    """Metrics of one point each, and of none where there is no value: the name is known."""
    for name, description, value in values:
        points = [] if value is None else [(labels, value)]
        yield own_metric(f"{prefix}_{name}", description, points, now)


def _points(stats: Stats) -> Iterator[Value]:
    no_room = sum(stats.dropped.get(reason, 0) for reason in NO_ROOM)
    failed = sum(stats.dropped.values()) - no_room
    for suffix in ("", "_total"):
        yield f"sent_metric_points{suffix}", "Samples that were stored.", stats.delivered
        yield f"send_failed_metric_points{suffix}", "Samples that will not be stored.", failed
        yield f"enqueue_failed_metric_points{suffix}", "Samples that had no room.", no_room


def _queue(stats: Stats, has_spool: bool) -> Iterator[Value]:
    yield "queue_size", "Samples in the queue.", stats.pending
    capacity = None if has_spool else stats.capacity
    yield "queue_capacity", "Samples that may be in the queue.", capacity


def _beyond(stats: Stats, has_spool: bool, oldest_pending: float | None) -> Iterator[Value]:
    """What the Collector has no name for, and Prometheus neither."""
    spool = float(not stats.fault) if has_spool else None
    yield "spool_up", "Whether the spool is used (1) or not (0).", spool
    oldest = "Time of the oldest sample that waits for its answer."
    yield "exporter_oldest_pending_timestamp_seconds", oldest, oldest_pending
    skew = "By how much the receiver's clock is ahead of ours."
    yield "exporter_clock_skew_seconds", skew, stats.skew


def _reasons(stats: Stats, exporter: Mapping[str, str], now: float) -> Iterator[Metric]:
    """With a point while they hold."""
    for name, description, reason in (
        ("spool_fault", "Why the spool is not used.", stats.fault),
        ("exporter_trouble", "Why nothing is delivered.", stats.trouble),
    ):
        holds = [({**exporter, "reason": reason}, 1)] if reason else []
        yield own_metric(f"otel_kubecost_{name}", description, holds, now)
    files = [({**exporter, "reason": why}, count) for why, count in stats.set_aside.items()]
    description = "Files of the spool that were set aside and are still there."
    yield own_metric("otel_kubecost_spool_set_aside", description, files, now)
