"""The queue of a remote write endpoint, as its options describe it."""

from __future__ import annotations

from otel_kubecost.clock import Clock
from otel_kubecost.errors import ConfigError
from otel_kubecost.exporters.prometheus_remote_write.client import RemoteWriteClient
from otel_kubecost.exporters.prometheus_remote_write.codec import Request
from otel_kubecost.exporters.prometheus_remote_write.codec_v2 import unpacked
from otel_kubecost.exporters.prometheus_remote_write.config import PrometheusRemoteWriteOptions
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.forecast import Forecast
from otel_kubecost.exporters.sending.queue import SendingQueue
from otel_kubecost.exporters.sending.spool import Spool
from otel_kubecost.exporters.sending.store import MemoryStore, Store
from otel_kubecost.http.config import shown_url
from otel_kubecost.storage import StorageQueue


def queue_for(
    options: PrometheusRemoteWriteOptions,
    client: RemoteWriteClient,
    spool: StorageQueue | None,
    clock: Clock,
) -> SendingQueue[Request]:
    """Opens nothing and starts nothing. Raises ConfigError."""
    config, name = options.queue_config, shown_name(options)
    return SendingQueue(
        client.send,
        store=_store(options, spool, clock),
        clock=clock,
        episodes=Episodes(clock, exporter=name, endpoint=shown_url(options.endpoint)),
        forecast=Forecast(clock, options.max_age, exporter=name),
        shards=(config.min_shards, config.max_shards),
        max_age=options.max_age,
        now=client.time,
        min_backoff=config.min_backoff,
        max_backoff=config.max_backoff,
    )


def shown_name(options: PrometheusRemoteWriteOptions) -> str:
    """What the endpoint is called in the log."""
    return options.name or shown_url(options.endpoint)


def _store(
    options: PrometheusRemoteWriteOptions, spool: StorageQueue | None, clock: Clock
) -> Store[Request]:
    capacity = options.queue_config.capacity
    if spool:
        name = shown_name(options)
        return Spool(spool, unpacked, capacity=capacity, clock=clock, exporter=name)
    if options.storage:
        hint = 'pass spool=FileStorage(directory="...").queue("name")'
        raise ConfigError.at("storage", "is for configuration files", hint)
    return MemoryStore(capacity)
