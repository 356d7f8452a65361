"""What users write of any endpoint that data is sent to through a queue."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from otel_kubecost.config.options import ByteSize, Duration, Options, Text
from otel_kubecost.http.config import HTTPOptions

_ACCOUNT_HEADERS = ("cloud-account-id", "x-scope-orgid", "thanos-tenant")
"""Of CloudTuner, of Mimir and Cortex, of Thanos."""


class QueueConfig(Options):
    """The queue in front of an endpoint.

    Shards are requests under way at the same time. They are of one batch, so no sample overtakes
    another of its series; more of them than a batch has requests change nothing.
    """

    capacity: int = Field(
        50_000,
        gt=0,
        description="Samples that may wait in memory, two batches always; beyond, oldest go.",
    )
    min_shards: int = Field(1, gt=0, description="Requests under way at the same time, at least.")
    max_shards: int = Field(4, gt=0, description="At most; grows with what waits.")
    min_backoff: Duration = Field(0.03, gt=0, description="Before the first retry.")
    max_backoff: Duration = Field(5.0, gt=0, description="Between two retries at most.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_shards > self.max_shards:
            raise ValueError("min_shards is more than max_shards; raise max_shards")
        if self.min_backoff > self.max_backoff:
            raise ValueError("min_backoff is more than max_backoff; raise max_backoff")
        return self


class SendingOptions(HTTPOptions):
    """How to send, and what becomes of data that cannot be sent."""

    name: str = Field(
        "", description="What this endpoint is called in logs.", examples=["cloudtuner"]
    )
    queue_config: QueueConfig = Field(default_factory=QueueConfig, description="The queue.")
    max_batch_size_bytes: ByteSize = Field(
        3_000_000, gt=0, description="Bytes of one request, before it is compressed."
    )
    retention: Duration | None = Field(None, description="Drop samples that waited longer.")
    storage: Text = Field(
        "",
        description="A file_storage of the service, for what waits; empty: it waits in memory.",
        examples=["file_storage"],
    )

    @property
    def account(self) -> str:
        """Whose data this is, by the headers that say so: what waits is of this account alone."""
        given = {name.lower(): value for name, value in self.headers.items()}
        return " ".join(str(given.get(name, "")) for name in _ACCOUNT_HEADERS).strip()

    @property
    def max_age(self) -> float:
        """Seconds after which samples are dropped instead of sent; 0 is never."""
        return self.retention or 0.0
