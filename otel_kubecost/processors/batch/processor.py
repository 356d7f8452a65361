"""``batch``: what Collectors need it for is done without it here.

Their receivers give a few points at a time. Here a batch is all of a mark, and an exporter cuts it
into requests.
"""

from __future__ import annotations

from typing import Any, Self

from opentelemetry.sdk.metrics.export import MetricsData
from pydantic import Field, model_validator

from otel_kubecost.config.options import Duration, Options
from otel_kubecost.config.problems import build_options
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class BatchOptions(Options):
    """The Collector's options, which are checked and change nothing."""

    timeout: Duration = Field(0.2, description="Accepted; a batch leaves at its mark.")
    send_batch_size: int = Field(8192, ge=0, description="Accepted; a batch is all of a mark.")
    send_batch_max_size: int = Field(
        0,
        ge=0,
        description="Accepted; the size of requests is that of the exporter, for remote write its"
        " queue_config.max_samples_per_send.",
        examples=[10_000],
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if 0 < self.send_batch_max_size < self.send_batch_size:
            raise ValueError(
                "send_batch_max_size is less than send_batch_size; raise send_batch_max_size"
            )
        return self


class Batch:
    """A processor that passes every batch as it is, and says once that it does.

    >>> Batch(send_batch_size=1000)
    """

    def __init__(
        self, options: BatchOptions | None = None, /, *, name: str = "batch", **keywords: Any
    ) -> None:
        """``keywords`` are the options of a configuration file. Raises ConfigError."""
        if options is None:
            build_options(BatchOptions, keywords)
        self._name = name
        self._said = False

    def __call__(self, data: MetricsData) -> MetricsData:
        if not self._said:
            self._said = True
            _log.info(
                f"{self._name} changes nothing: a batch is all of a mark",
                hint="the size of requests is queue_config.max_samples_per_send of the exporter",
            )
        return data
