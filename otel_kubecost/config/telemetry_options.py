"""What users write of the process' own telemetry, in the Collector's words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from otel_kubecost.config.options import Options, Text, in_any_case
from otel_kubecost.telemetry import LogFormat


def _level(value: Any) -> Any:
    text = value.lower() if isinstance(value, str) else value
    return "warning" if text == "warn" else text


class LogsOptions(Options):
    """This process' own logs, on standard error."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        BeforeValidator(_level),
        WithJsonSchema(in_any_case(("debug", "info", "warning", "warn", "error"))),
    ] = Field("info", description="The least severe lines that are shown.")
    format: LogFormat = Field("console", description="guide: the lines of the deployment guide.")


class OwnMetricsOptions(Options):
    """Where the process sends the metrics of its own work."""

    level: Literal["none", "basic", "normal", "detailed"] = Field(
        "normal", description="none: readers are not used; all other levels are the same."
    )
    readers: tuple[dict[str, Any], ...] = Field(
        (),
        repr=False,
        description="Metric readers, as OpenTelemetry's declarative configuration has them.",
        examples=[
            [{"periodic": {"exporter": {"otlp_http": {"endpoint": "http://host:4318/v1/metrics"}}}}]
        ],
    )


class OwnTracesOptions(Options):
    """Where the process sends the spans of its scrapes and sends."""

    processors: tuple[dict[str, Any], ...] = Field(
        (),
        repr=False,
        description="Span processors, as OpenTelemetry's declarative configuration has them; each"
        " send waits for a simple one.",
        examples=[
            [{"batch": {"exporter": {"otlp_http": {"endpoint": "http://host:4318/v1/traces"}}}}]
        ],
    )


class TelemetryOptions(Options):
    """What the process says of itself, and where. Metrics and traces are the command's alone."""

    logs: LogsOptions = Field(default_factory=LogsOptions, description="Own logs.")
    resource: dict[str, Text | None] = Field(
        default_factory=dict,
        description="Attributes of own metrics and traces; an empty one takes a default out.",
        examples=[{"deployment.environment.name": "production"}],
    )
    metrics: OwnMetricsOptions = Field(
        default_factory=OwnMetricsOptions, description="Own metrics, beside the page's."
    )
    traces: OwnTracesOptions = Field(default_factory=OwnTracesOptions, description="Own traces.")

    @property
    def of_the_sdk(self) -> TelemetryOptions:
        """Without what a reload can change."""
        return self.model_copy(update={"logs": LogsOptions()})
