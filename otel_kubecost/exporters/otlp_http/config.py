"""What users write of an OTLP receiver, in the Collector's words where it has them."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from otel_kubecost.exporters.otlp_http.codec import Compression
from otel_kubecost.exporters.sending import options
from otel_kubecost.http.config import EndpointURL

_PATH = "/v1/metrics"


class QueueConfig(options.QueueConfig):
    """The queue, with what a request is."""

    max_points_per_send: int = Field(10_000, gt=0, description="Data points in one request.")


class OtlpHttpOptions(options.SendingOptions):
    """Where and how to send."""

    endpoint: EndpointURL | None = Field(
        None,
        description=f"Base URL of the receiver; {_PATH} is appended unless it is there.",
        examples=["http://otel-collector:4318"],
    )
    metrics_endpoint: EndpointURL | None = Field(
        None,
        description="The whole URL instead, for a path of its own.",
        examples=["https://prometheus.example.com/api/v1/otlp/v1/metrics"],
    )
    compression: Compression = Field("gzip", description="Of requests: gzip or none.")
    queue_config: QueueConfig = Field(default_factory=QueueConfig, description="The queue.")

    @model_validator(mode="after")
    def _one_endpoint(self) -> Self:
        if (self.endpoint is None) == (self.metrics_endpoint is None):
            raise ValueError("give one of endpoint and metrics_endpoint, and only one")
        return self

    @property
    def url(self) -> str:
        """Where requests go."""
        return self.metrics_endpoint or _with_path(self.endpoint or "")


def _with_path(url: str) -> str:
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return parts._replace(path=path if path.endswith(_PATH) else path + _PATH).geturl()
