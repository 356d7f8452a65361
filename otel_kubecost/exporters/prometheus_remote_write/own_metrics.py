"""How a queue stands, under the names that Prometheus has for it beside the Collector's.

    Stats                        prometheus_remote_storage_...
    delivered                    samples_total
    dropped: by the receiver     samples_total, samples_failed
    dropped: too old, at an end  samples_dropped{reason}
    dropped: for want of room    samples_dropped{reason}
    pending                      samples_pending

So alerts that somebody has for Prometheus fire for this agent as well. Differences: a sample that
is offered again counts in ``samples_retried_total`` and not, as in Prometheus, in ``samples_total``
as well. The latter goes on over restarts where there is a spool, the former does not, and a sum
that falls is taken for a counter that began anew: a burst that never was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import Metric, MetricsData

from otel_kubecost.exporters.sending import own_metrics
from otel_kubecost.exporters.sending.own_metrics import OURS, Value, values_of
from otel_kubecost.exporters.sending.stats import Stats
from otel_kubecost.own_metrics import own_batch, own_metric


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
    prefix, endpoint = "prometheus_remote_storage", {"remote_name": about.name, "url": about.url}
    metrics = [
        *values_of(prefix, endpoint, _totals(stats), now),
        *values_of(prefix, endpoint, _state(stats, about, oldest_pending), now),
        _dropped(stats, endpoint, now),
        _highest_of_all(stats),
        *own_metrics.queue_metrics(
            stats, about.name, has_spool=about.has_spool, now=now, oldest_pending=oldest_pending
        ),
    ]
    return own_batch("otel_kubecost.exporters.prometheus_remote_write", metrics)


def _totals(stats: Stats) -> Iterator[Value]:
    refused = sum(number for reason, number in stats.dropped.items() if reason not in OURS)
    sent = stats.delivered + refused
    yield "samples_total", "Samples that the receiver answered for good.", sent
    yield "samples_failed_total", "Samples that the receiver refused for good.", refused
    yield "samples_retried_total", "Samples that had to be offered again.", stats.retried
    yield "bytes_total", "Bytes of the requests that were taken, compressed.", stats.sent_bytes


def _state(stats: Stats, about: About, oldest_pending: float | None) -> Iterator[Value]:
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


def _highest_of_all(stats: Stats) -> Metric:
    """Prometheus has one for all its endpoints, without labels; its alerts join each of them to it.

    As old as the sample that it tells of, so where several exporters say it the newest is shown.
    """
    newest = _seconds(stats.newest_accepted)
    return own_metric(
        "prometheus_remote_storage_highest_timestamp_in_seconds",
        "Time of the newest sample that came, for whichever endpoint.",
        [] if newest is None else [({}, newest)],
        newest or 0.0,
    )


def _seconds(milliseconds: int) -> float | None:
    """None where there was no sample yet."""
    return milliseconds / 1000 if milliseconds else None
