"""What users write under ``receivers: kubecost:``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field

from otel_kubecost.config.options import ByteSize, Duration, Options, Text
from otel_kubecost.http.config import AuthOptions, EndpointURL, ProxyURL, TLSConfig
from otel_kubecost.receivers.kubecost.metrics import EVERYTHING
from otel_kubecost.receivers.kubecost.window import HOUR

Level = Literal["cluster", "namespace", "pod"]


def _whole_hours(seconds: float) -> float:
    if seconds < HOUR or seconds % HOUR:
        raise ValueError("a window is whole hours, one at least; write it as 1h, 24h or 7d")
    return seconds


def _pod_metrics(value: Any) -> Any:
    return sorted(EVERYTHING) if value == "all" else value


def _known_metric(name: str) -> str:
    if name not in EVERYTHING:
        known = ", ".join(sorted(EVERYTHING))
        raise ValueError(f"{name!r} is not a metric of pods; there are {known}, or all")
    return name


WholeHours = Annotated[Duration, AfterValidator(_whole_hours)]
PodMetric = Annotated[str, AfterValidator(_known_metric)]


class KubecostReceiverOptions(Options):
    """Where Kubecost is, how often it is asked, for what, and how the answer is labelled."""

    endpoint: EndpointURL = Field(
        description="Base URL of Kubecost or OpenCost; the API's path is found by probing. "
        "A URL with a path is used as it is.",
        examples=["http://kubecost-cost-analyzer.kubecost:9090"],
    )
    tenant_id: Text = Field(
        min_length=1,
        description="The Cloud Account ID; resource attribute tenant.id, label tenant_id.",
    )
    cluster_name: Text = Field(
        min_length=1,
        description="Display name; resource attribute k8s.cluster.name, label cluster.",
        examples=["production-k8s-cluster"],
    )
    collection_interval: Duration = Field(
        120.0, ge=1, description="How often Kubecost is asked, at marks of the clock."
    )
    emit_interval: Duration = Field(
        60.0, ge=1, description="How often samples leave, at marks of the clock."
    )
    window: WholeHours = Field(
        24.0 * HOUR, description="How much time a query spans: whole, closed hours."
    )
    settle_delay: Duration = Field(
        20 * 60.0, description="How long after its end an hour counts as complete."
    )
    max_staleness: Duration = Field(
        3600.0, description="How long the last good answer is repeated while Kubecost fails."
    )
    levels: tuple[Level, ...] = Field(
        ("cluster", "namespace"), min_length=1, description="What costs are grouped by."
    )
    pod_metrics: Annotated[list[PodMetric], BeforeValidator(_pod_metrics)] = Field(
        ["total_cost", "cpu_cost", "ram_cost"],
        description="Metrics of the level pod, or: all.",
        examples=["all"],
    )
    currency: Text = Field(
        "USD", pattern=r"^[A-Za-z]{3}$", description="Currency of Kubecost's prices (ISO 4217)."
    )
    metric_mode: Literal["rate", "total"] = Field(
        "rate", description="Costs per hour, or as totals of the window."
    )
    include_idle: bool = Field(True, description="Ask for the cost of idle capacity.")
    share_idle: bool = Field(False, description="Spread idle cost over the namespaces.")
    timeout: Duration = Field(60.0, gt=0, description="Time for one query with its whole answer.")
    jitter: Duration = Field(0.0, description="Wait up to this long, at random, before asking.")
    max_body_bytes: ByteSize = Field(
        256 * 2**20, gt=0, description="A larger answer is refused; counted after decompression."
    )
    auth: AuthOptions = Field(default_factory=AuthOptions, description="Credentials, if any.")
    tls_config: TLSConfig = Field(
        default_factory=TLSConfig,
        validation_alias=AliasChoices("tls_config", "tls"),
        description="TLS of an https endpoint.",
    )
    proxy_url: ProxyURL | None = Field(None, description="Proxy; the environment names none.")
