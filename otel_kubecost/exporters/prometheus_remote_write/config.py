"""What users write of a remote write endpoint: Prometheus' words, so its blocks paste in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from pydantic import AliasChoices, Field, ValidationInfo, field_validator

from otel_kubecost.config.cloudtuner import given, is_cloudtuner, push_options
from otel_kubecost.config.options import Duration, Options, Text
from otel_kubecost.config.problems import build_options
from otel_kubecost.errors import ConfigError
from otel_kubecost.exporters.sending import options
from otel_kubecost.exporters.series.translate import LABEL_NAMES, Translation
from otel_kubecost.http.config import EndpointURL
from otel_kubecost.relabel.rule import RelabelRule

ProtobufMessage: TypeAlias = Literal["prometheus.WriteRequest", "io.prometheus.write.v2.Request"]
"""Remote write 1.0 and 2.0, as the protocol and Prometheus' configuration name them."""
V2: ProtobufMessage = "io.prometheus.write.v2.Request"

_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


class QueueConfig(options.QueueConfig):
    """The queue in Prometheus' words.

    Requests are made from whole batches, so ``batch_send_deadline`` has nothing to wait for.
    """

    max_samples_per_send: int = Field(10_000, gt=0, description="Samples in one request.")
    batch_send_deadline: Duration = Field(5.0, description="Accepted; batches leave at once.")
    retry_on_http_429: bool = Field(True, description="False: drop what is answered 429.")
    sample_age_limit: Duration = Field(0.0, description="Drop what is older; 0 drops nothing.")


class MetadataConfig(Options):
    """Type, help and unit of metrics, in requests of their own."""

    send: bool = Field(False, description="Whether to send them.")
    send_interval: Duration = Field(60.0, gt=0, description="Time between two sendings.")
    max_samples_per_send: int = Field(2000, gt=0, description="Metrics in one request.")


class PrometheusRemoteWriteOptions(options.SendingOptions):
    """Where and how to write."""

    endpoint: EndpointURL = Field(
        validation_alias=AliasChoices("endpoint", "url"),
        description="Write URL, with its path.",
        examples=["https://dashboard.cloudtuner.ai/storage/api/v2/write"],
    )
    timeout: Duration = Field(
        30.0,
        gt=0,
        validation_alias=AliasChoices("timeout", "remote_timeout"),
        description="Time for one request with its answer.",
    )
    name: str = Field(
        "",
        validation_alias=AliasChoices("name", "remote_name"),
        description="What this endpoint is called in logs.",
        examples=["cloudtuner"],
    )
    protobuf_message: ProtobufMessage = Field(
        "prometheus.WriteRequest",
        description="Remote write 1.0, or io.prometheus.write.v2.Request: 2.0 where it is known.",
    )
    write_relabel_configs: tuple[RelabelRule, ...] = Field(
        (),
        description="Series to send.",
        examples=[[{"source_labels": ["namespace"], "regex": "kube-.*", "action": "drop"}]],
    )
    external_labels: dict[str, Text] = Field(
        default_factory=dict,
        description="Labels for every series that does not have them.",
        examples=[{"team": "payments"}],
    )
    queue_config: QueueConfig = Field(
        default_factory=QueueConfig,
        validation_alias=AliasChoices("queue_config", "remote_write_queue"),
        description="The queue.",
    )
    metadata_config: MetadataConfig = Field(
        default_factory=MetadataConfig, description="Sending of metadata."
    )
    send_exemplars: bool = Field(False, description="Send exemplars with the samples.")
    stale_markers: bool = Field(True, description="End series that are gone at once.")
    label_names: dict[str, str] = Field(
        default_factory=dict,
        description="Labels for attributes, beside the built-in ones.",
        examples=[{"k8s.namespace.name": "namespace_name"}],
    )
    promote_resource_attributes: tuple[str, ...] = Field(
        Translation().promote_resource_attributes,
        description="Resource attributes that become labels of every series.",
    )
    target_info: bool = Field(True, description="Send target_info for resources of services.")

    @field_validator("protobuf_message")
    @classmethod
    def _not_to_cloudtuner(cls, message: ProtobufMessage, info: ValidationInfo) -> ProtobufMessage:
        endpoint, headers = info.data.get("endpoint", ""), info.data.get("headers", {})
        if message == V2 and is_cloudtuner(endpoint, headers):
            raise ValueError(
                "CloudTuner takes remote write 1.0 and drops 2.0 without a word; "
                "leave `protobuf_message` out"
            )
        return message

    @field_validator("external_labels", "label_names")
    @classmethod
    def _valid_labels(cls, labels: dict[str, str], info: Any) -> dict[str, str]:
        names = labels.values() if info.field_name == "label_names" else labels
        for name in names:
            if not _LABEL_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is not a label name; use letters, digits and _")
        return labels

    @property
    def translation(self) -> Translation:
        return Translation(
            label_names={**LABEL_NAMES, **self.label_names},
            promote_resource_attributes=self.promote_resource_attributes,
            target_info=self.target_info,
            external_labels=self.external_labels,
        )

    @property
    def max_age(self) -> float:
        limits = [self.queue_config.sample_age_limit, super().max_age]
        return min((limit for limit in limits if limit), default=0.0)


def options_from_environment(environment: Mapping[str, str]) -> PrometheusRemoteWriteOptions:
    """The options that CloudTuner's variables describe. Raises ConfigError."""
    variables = given(environment)
    if "REMOTE_WRITE_URL" not in variables:
        raise ConfigError.at(
            "REMOTE_WRITE_URL", "is not set", "set it, or give the exporter an endpoint"
        )
    return build_options(PrometheusRemoteWriteOptions, push_options(variables), "environment")
