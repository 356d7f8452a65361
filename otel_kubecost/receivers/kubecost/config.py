"""What users write under ``receivers: kubecost:``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, WithJsonSchema

from otel_kubecost.config.options import (
    DURATION_PATTERN,
    ByteSize,
    Duration,
    Options,
    Text,
    parse_duration,
)
from otel_kubecost.http.config import AuthOptions, EndpointURL, ProxyURL, TLSConfig
from otel_kubecost.receivers.kubecost.dimensions import LEVEL_NAMES, LEVEL_PATTERN, Level
from otel_kubecost.receivers.kubecost.metrics import EVERYTHING
from otel_kubecost.receivers.kubecost.window import DAY, HOUR, NAMED_WINDOWS, NamedWindow

LONGEST = 366 * DAY
_STEPS = {"hour": HOUR, "ten_minutes": HOUR // 6}


def _window(value: Any) -> Any:
    """Seconds, or one of the words."""
    if value in NAMED_WINDOWS:
        return value
    words = ", ".join(NAMED_WINDOWS)
    try:
        seconds = parse_duration(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is not a window; write it as 1h, 24h or 7d, or one of {words}"
        ) from None
    if seconds < HOUR or seconds % HOUR or seconds > LONGEST:
        raise ValueError(
            "a window is whole hours, from one to a year; write it as 1h, 24h or 7d, or one of"
            f" {words}"
        )
    return seconds


def _level(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:  # `- label: team` is a mapping in YAML
        name, key = next(iter(value.items()))
        raise ValueError(f"write {name}:{key}, without a space after the colon")
    if isinstance(value, str):
        return str(Level.parse(value))
    return value


def _code(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


def _pod_metrics(value: Any) -> Any:
    return sorted(EVERYTHING) if value == "all" else value


def _known_metric(name: str) -> str:
    if name not in EVERYTHING:
        known = ", ".join(sorted(EVERYTHING))
        raise ValueError(f"{name!r} is not a metric of pods; there are {known}, or all")
    return name


WindowOption = Annotated[
    float | NamedWindow,
    BeforeValidator(_window),
    WithJsonSchema(
        {
            "type": ["string", "number"],
            "minimum": HOUR,
            "pattern": rf"^\s*(?:{DURATION_PATTERN}|{'|'.join(NAMED_WINDOWS)})\s*$",
        }
    ),
]
LevelOption = Annotated[
    str,
    BeforeValidator(_level),
    WithJsonSchema(
        {"anyOf": [{"enum": list(LEVEL_NAMES)}, {"type": "string", "pattern": LEVEL_PATTERN}]}
    ),
]
Currency = Annotated[
    Text,
    BeforeValidator(_code),
    Field(pattern=r"^[A-Z]{3}$"),
    WithJsonSchema({"type": "string", "pattern": r"^[A-Za-z]{3}$"}),
]
PodMetric = Annotated[str, AfterValidator(_known_metric)]
PodMetrics = Annotated[
    list[PodMetric],
    BeforeValidator(_pod_metrics),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"enum": sorted(EVERYTHING)}},
                {"const": "all"},
            ]
        }
    ),
]


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
        examples=["${env:TENANT_ID}"],
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
    window: WindowOption = Field(
        24.0 * HOUR,
        description="How much time a query spans: whole, closed hours; or today, yesterday, month "
        "(UTC).",
        examples=["24h", "7d", "today"],
    )
    window_end: Literal["hour", "ten_minutes"] = Field(
        "hour",
        description="Where a window ends: with the last settled hour, or for fresher numbers with "
        "the last settled ten minutes.",
    )
    settle_delay: Duration | None = Field(
        None,
        le=30 * DAY,
        description="How long after its end an hour counts as complete. Default: 20m for Kubecost,"
        " 5m for OpenCost.",
        examples=["20m"],
    )
    backfill: Duration = Field(
        48.0 * HOUR,
        description="Marks that were missed are filled, oldest first, so far back; 0 fills none.",
    )
    restate: Duration = Field(
        0.0,
        description="Once a day the closed days up to so far back are read and sent again, as "
        "Kubecost corrects them for 48 hours and more. Only for receivers that take a second value"
        " of a timestamp, which CloudTuner and Prometheus do not; 0 sends nothing twice.",
    )
    storage: Text = Field(
        "",
        description="Id of the extension that keeps how far this receiver came, so that a restart "
        "leaves no gap.",
        examples=["file_storage"],
    )
    max_staleness: Duration = Field(
        3600.0, description="How long the last good answer is repeated while Kubecost fails."
    )
    levels: tuple[LevelOption, ...] = Field(
        ("cluster", "namespace"),
        min_length=1,
        description="What costs are grouped by: cluster, namespace, controller, pod, node, "
        "label:<name>, annotation:<name>.",
        examples=[["cluster", "namespace", "pod", "label:team"]],
    )
    pod_metrics: PodMetrics = Field(
        ["total_cost", "cpu_cost", "ram_cost"],
        description="Metrics of the level pod, or: all.",
        examples=["all"],
    )
    usage_metrics: bool = Field(
        False,
        description="Also publish what was allocated (cores, bytes, GPUs) and every part of the "
        "cost: what the processor pricing needs. Asks for the nodes as well.",
    )
    currency: Currency | None = Field(
        None,
        description="Currency of Kubecost's prices (ISO 4217). Default: what Kubecost says, else "
        "USD.",
        examples=["USD"],
    )
    metric_mode: Literal["rate", "total"] = Field(
        "rate", description="Costs per hour, or as totals of the window."
    )
    include_idle: bool = Field(True, description="Ask for the cost of idle capacity.")
    share_idle: bool = Field(False, description="Spread idle cost over the namespaces.")
    page_size: int = Field(
        0, ge=0, description="Rows that Kubecost is asked for at a time; 0 asks for all at once."
    )
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
    proxy_url: ProxyURL | None = Field(
        None,
        description="Proxy; the environment names none.",
        examples=["http://proxy.example.com:3128"],
    )

    @property
    def window_step(self) -> float:
        """Seconds between two ends that a window can have."""
        return _STEPS[self.window_end]

    @property
    def hourly(self) -> bool:
        """Whether costs leave as rates, and not as totals of the window."""
        return self.metric_mode == "rate"
