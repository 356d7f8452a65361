"""The queue of an endpoint, as its options describe it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from otel_kubecost.clock import Clock
from otel_kubecost.errors import ConfigError
from otel_kubecost.exporters.sending.entry import R, Sendable
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.forecast import Forecast
from otel_kubecost.exporters.sending.options import SendingOptions
from otel_kubecost.exporters.sending.queue import SendingQueue
from otel_kubecost.exporters.sending.retry import Verdict
from otel_kubecost.exporters.sending.spool import Spool
from otel_kubecost.exporters.sending.store import MemoryStore, Store
from otel_kubecost.exporters.sending.tracing import traced
from otel_kubecost.http.config import shown_url
from otel_kubecost.storage import StorageQueue, StoredRequest

R_contra = TypeVar("R_contra", bound=Sendable, contravariant=True)


class Client(Protocol[R_contra]):
    """Speaks to one endpoint. Constructing it has no effect."""

    @property
    def url(self) -> str:
        """Where requests go, as users wrote it."""
        ...

    @property
    def skew(self) -> int | None:
        """Seconds by which the receiver's clock is ahead of ours; None where it is not known."""
        ...

    def time(self) -> float | None:
        """Seconds since the epoch at the receiver; None where it has not said its time."""
        ...

    def send(self, request: R_contra, attempt: int) -> Verdict:
        """Offer ``request``; ``attempt`` counts the earlier ones. Raises nothing on purpose."""
        ...

    def close(self) -> None: ...


def queue_for(
    options: SendingOptions,
    client: Client[R],
    spool: StorageQueue | None,
    unpack: Callable[[StoredRequest], R],
    clock: Clock,
) -> SendingQueue[R]:
    """Opens nothing and starts nothing. Raises ConfigError."""
    config, name = options.queue_config, shown_name(options, client)
    return SendingQueue(
        traced(client.send, exporter=name, endpoint=client.url),
        store=_store(options, name, spool, unpack, clock),
        clock=clock,
        episodes=Episodes(clock, exporter=name, endpoint=shown_url(client.url)),
        forecast=Forecast(clock, options.max_age, exporter=name),
        shards=(config.min_shards, config.max_shards),
        max_age=options.max_age,
        now=client.time,
        min_backoff=config.min_backoff,
        max_backoff=config.max_backoff,
    )


def shown_name(options: SendingOptions, client: Client[R]) -> str:
    """What the endpoint is called in the log."""
    return options.name or shown_url(client.url)


def _store(
    options: SendingOptions,
    name: str,
    spool: StorageQueue | None,
    unpack: Callable[[StoredRequest], R],
    clock: Clock,
) -> Store[R]:
    capacity = options.queue_config.capacity
    if spool:
        return Spool(spool, unpack, capacity=capacity, clock=clock, exporter=name)
    if options.storage:
        hint = 'pass spool=FileStorage(directory="...").queue("name")'
        raise ConfigError.at("storage", "is for configuration files", hint)
    return MemoryStore(capacity)
