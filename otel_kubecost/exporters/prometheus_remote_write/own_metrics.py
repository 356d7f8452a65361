"""How a queue stands, under the names that Prometheus and the Collector have for it.

    Stats                        prometheus_remote_storage_...     otelcol_exporter_...
    delivered                    samples_total                     sent_metric_points
    dropped: by the receiver     samples_total, samples_failed     send_failed_metric_points
    dropped: too old, at an end  samples_dropped{reason}           send_failed_metric_points
    dropped: for want of room    samples_dropped{reason}           enqueue_failed_metric_points
    pending                      samples_pending                   queue_size

So alerts that somebody has for those two fire for this agent as well. Differences: a sample that is
offered again counts in ``samples_retried_total`` and not, as in Prometheus, in ``samples_total`` as
well. The latter goes on over restarts where there is a spool, the former does not, and a sum that
falls is taken for a counter that began anew: a burst that never was.

With a spool the queue has no capacity in samples, and ``queue_capacity`` is not there: what memory
holds would make every outage look like one that loses data.

The Collector's counters have both names in the field: its own page leaves ``_total`` out, one that
a user sets up as a reader may have it (opentelemetry.io#6642). Both are here; without the suffix
they are gauges by type, for which ``rate`` does not care.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from opentelemetry.sdk.metrics.export import Metric, MetricsData

from otel_kubecost.exporters.sending.losses import AT_THE_END, DAMAGED, DEFECT, FULL, TOO_OLD
from otel_kubecost.exporters.sending.stats import Stats
from otel_kubecost.own_metrics import own_batch, own_metric

NO_ROOM = frozenset({FULL.reason})
"""Reasons of a queue that is full."""
OURS = NO_ROOM | {TOO_OLD.reason, AT_THE_END.reason, DAMAGED.reason, DEFECT.reason}
"""Reasons for which samples are thrown away here. For all others the receiver refused them."""

_Value: TypeAlias = tuple[str, str, float | None]
"""Name, description; None is not published."""


class About(NamedTuple):
    """The exporter that the metrics are of."""

    name: str
    url: str
    """As it may be shown: nothing secret in it."""
    max_samples_per_send: int
    has_spool: bool = False


def queue_metrics(
    stats: Stats, about: About, *, now: float, oldest_pending: float | None = None
) -> MetricsData:
    """At ``now``; both times are seconds since the epoch, None where nothing waits."""
    endpoint, exporter = {"remote_name": about.name, "url": about.url}, {"exporter": about.name}
    queue = {**exporter, "data_type": "metrics"}
    metrics = [
        *_metrics("prometheus_remote_storage", endpoint, _totals(stats), now),
        *_metrics("prometheus_remote_storage", endpoint, _state(stats, about, oldest_pending), now),
        _dropped(stats, endpoint, now),
        *_highest_of_all(stats),
        *_metrics("otelcol_exporter", exporter, _points(stats), now),
        *_metrics("otelcol_exporter", queue, _queue(stats, about), now),
        *_metrics("otel_kubecost", exporter, _beyond(stats, about, oldest_pending), now),
        *_reasons(stats, exporter, now),
    ]
    return own_batch("otel_kubecost.exporters.prometheus_remote_write", metrics)


def _metrics(
    prefix: str, labels: Mapping[str, str], values: Iterable[_Value], now: float
) -> Iterator[Metric]:
    for name, description, value in values:
        if value is not None:
            yield own_metric(f"{prefix}_{name}", description, [(labels, value)], now)


def _totals(stats: Stats) -> Iterator[_Value]:
    refused = sum(number for reason, number in stats.dropped.items() if reason not in OURS)
    sent = stats.delivered + refused
    yield "samples_total", "Samples that the receiver answered for good.", sent
    yield "samples_failed_total", "Samples that the receiver refused for good.", refused
    yield "samples_retried_total", "Samples that had to be offered again.", stats.retried
    yield "bytes_total", "Bytes of the requests that were taken, compressed.", stats.sent_bytes


def _state(stats: Stats, about: About, oldest_pending: float | None) -> Iterator[_Value]:
    # Before the first delivery of this process: all that is older than what waits was sent.
    came, stored = _seconds(stats.newest_accepted), _seconds(stats.newest_delivered)
    stored = oldest_pending if stored is None else stored
    yield "samples_pending", "Samples that wait for their answer.", stats.pending
    yield "queue_highest_timestamp_seconds", "Time of the newest sample that came.", came
    yield "queue_highest_sent_timestamp_seconds", "Time of the newest sample stored.", stored
    shards = stats.shards
    yield "shards", "Requests that may be under way at once.", shards.current
    yield "shards_min", "Configured minimum of shards.", shards.minimum
    yield "shards_max", "Configured maximum of shards.", shards.maximum
    yield "shards_desired", "Shards that would keep up, beyond the maximum too.", shards.desired
    yield "shard_capacity", "Samples that may wait in memory.", stats.capacity
    yield "max_samples_per_send", "Samples in one request at most.", about.max_samples_per_send


def _dropped(stats: Stats, endpoint: Mapping[str, str], now: float) -> Metric:
    """Each reason from the start: a counter that appears with its first loss has not increased."""
    return own_metric(
        "prometheus_remote_storage_samples_dropped_total",
        "Samples that were thrown away here, by reason.",
        [({**endpoint, "reason": why}, stats.dropped.get(why, 0)) for why in sorted(OURS)],
        now,
    )


def _highest_of_all(stats: Stats) -> Iterator[Metric]:
    """Prometheus has one for all its endpoints, without labels; its alerts join each of them to it.

    As old as the sample that it tells of, so where several exporters say it the newest is shown.
    """
    if newest := _seconds(stats.newest_accepted):
        name = "prometheus_remote_storage_highest_timestamp_in_seconds"
        description = "Time of the newest sample that came, for whichever endpoint."
        yield own_metric(name, description, [({}, newest)], newest)


def _points(stats: Stats) -> Iterator[_Value]:
    no_room = sum(stats.dropped.get(reason, 0) for reason in NO_ROOM)
    failed = sum(stats.dropped.values()) - no_room
    for suffix in ("", "_total"):
        yield f"sent_metric_points{suffix}", "Samples that were stored.", stats.delivered
        yield f"send_failed_metric_points{suffix}", "Samples that will not be stored.", failed
        yield f"enqueue_failed_metric_points{suffix}", "Samples that had no room.", no_room


def _queue(stats: Stats, about: About) -> Iterator[_Value]:
    capacity = None if about.has_spool else stats.capacity
    yield "queue_size", "Samples in the queue.", stats.pending
    yield "queue_capacity", "Samples that may be in the queue.", capacity


def _beyond(stats: Stats, about: About, oldest_pending: float | None) -> Iterator[_Value]:
    """What neither of the two has a name for."""
    spool = float(not stats.fault) if about.has_spool else None
    yield "spool_up", "Whether the spool is used (1) or not (0).", spool
    oldest = "Time of the oldest sample that waits for its answer."
    yield "exporter_oldest_pending_timestamp_seconds", oldest, oldest_pending
    skew = "By how much the receiver's clock is ahead of ours."
    yield "exporter_clock_skew_seconds", skew, stats.skew


def _reasons(stats: Stats, exporter: Mapping[str, str], now: float) -> Iterator[Metric]:
    """There while they hold."""
    for name, description, reason in (
        ("spool_fault", "Why the spool is not used.", stats.fault),
        ("exporter_trouble", "Why nothing is delivered.", stats.trouble),
    ):
        if reason:
            labels = {**exporter, "reason": reason}
            yield own_metric(f"otel_kubecost_{name}", description, [(labels, 1)], now)
    if stats.set_aside:
        files = [({**exporter, "reason": why}, count) for why, count in stats.set_aside.items()]
        description = "Files of the spool that were set aside and are still there."
        yield own_metric("otel_kubecost_spool_set_aside", description, files, now)


def _seconds(milliseconds: int) -> float | None:
    """None where there was no sample yet."""
    return milliseconds / 1000 if milliseconds else None
