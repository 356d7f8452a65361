"""The CloudTuner pipeline that needs no file: configured by the deployment guide's variables.

Pure: variables in, the same kind of data that a file gives out. Mistakes carry the name of the
variable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otel_kubecost.config.cloudtuner import ACCOUNT_HEADER, given, push_options
from otel_kubecost.config.option_fields import Path
from otel_kubecost.config.options import parse_duration
from otel_kubecost.config.tree import ConfMap
from otel_kubecost.errors import Problem

DEFAULTS = {
    "ACCUMULATE": "true",
    "AGGREGATION_LEVEL": "namespace",
    "CLUSTER_NAME": "kubernetes",
    "CURRENCY": "USD",
    "ENABLE_POD_METRICS": "false",
    "EXPORTER_PORT": "9103",
    "INCLUDE_IDLE": "true",
    "KUBECOST_URL": "http://kubecost-cost-analyzer.kubecost.svc.cluster.local:9090",
    "METRIC_MODE": "rate",
    "SCRAPE_INTERVAL": "120",
    "SCRAPE_JITTER_MAX": "10",
    "SHARE_IDLE": "weighted",
    "STEP": "1h",
    "TIME_SERIES": "false",
    "TOP_N_PODS": "50",
    "WINDOW": "1h",
}
"""Those of the guide's exporter. TENANT_ID has none; the push has its own in ``cloudtuner``."""

_RECEIVER_OPTIONS = {
    "endpoint": "KUBECOST_URL",
    "tenant_id": "TENANT_ID",
    "cluster_name": "CLUSTER_NAME",
    "currency": "CURRENCY",
    "collection_interval": "SCRAPE_INTERVAL",
    "jitter": "SCRAPE_JITTER_MAX",
    "window": "WINDOW",
    "metric_mode": "METRIC_MODE",
    "include_idle": "INCLUDE_IDLE",
    "share_idle": "SHARE_IDLE",
}

_PUSH = "prometheus_remote_write/cloudtuner"

_NAMES: dict[Path, str] = {
    **{("receivers", "kubecost", key): name for key, name in _RECEIVER_OPTIONS.items()},
    ("receivers", "kubecost", "levels"): "AGGREGATION_LEVEL",
    ("processors", "cardinality_limit", "top_n_pods"): "TOP_N_PODS",
    ("exporters", "prometheus", "endpoint"): "EXPORTER_PORT",
    ("exporters", _PUSH, "endpoint"): "REMOTE_WRITE_URL",
    ("exporters", _PUSH, "headers"): "TENANT_ID",
    ("exporters", _PUSH, "headers", ACCOUNT_HEADER): "TENANT_ID",
    ("exporters", _PUSH, "basic_auth"): "REMOTE_WRITE_PASSWORD_FILE",
    ("exporters", _PUSH, "basic_auth", "username"): "REMOTE_WRITE_USERNAME",
    ("exporters", _PUSH, "basic_auth", "password_file"): "REMOTE_WRITE_PASSWORD_FILE",
}


def config_from_environment(environ: Mapping[str, str]) -> ConfMap:
    """The built-in pipeline: Kubecost to CloudTuner where REMOTE_WRITE_URL is set, and /metrics."""
    values = DEFAULTS | _values(environ)
    return ConfMap(_data(values), names=_NAMES, problems=tuple(_problems(values)))


def without_effect(environ: Mapping[str, str]) -> list[str]:
    """Variables that are set and change nothing, for one line in the log.

    The first three shaped the query of the guide's exporter; here the window is always one span of
    closed hours.
    """
    variables = given(environ)
    idle = ["ACCUMULATE", "STEP", "TIME_SERIES"]
    if "REMOTE_WRITE_URL" not in variables:
        idle += ["REMOTE_WRITE_PASSWORD_FILE", "REMOTE_WRITE_USERNAME"]
    return [name for name in idle if name in variables]


def _values(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: text.lower() if name in _WORDS else text for name, text in given(environ).items()}


def _data(values: Mapping[str, str]) -> dict[str, Any]:
    with_pods = values["AGGREGATION_LEVEL"] == "pod" or values["ENABLE_POD_METRICS"] == "true"
    processors = {"cardinality_limit": {"top_n_pods": values["TOP_N_PODS"]}} if with_pods else {}
    exporters = {
        **({_PUSH: push_options(values)} if "REMOTE_WRITE_URL" in values else {}),
        "prometheus": {"endpoint": f"0.0.0.0:{values['EXPORTER_PORT']}"},
    }
    pipeline = {
        "receivers": ["kubecost"],
        "processors": list(processors),
        "exporters": list(exporters),
    }
    return {
        "receivers": {"kubecost": _receiver(values, with_pods=with_pods)},
        "processors": processors,
        "exporters": exporters,
        "service": {
            "pipelines": {"metrics": pipeline},
            "telemetry": {"logs": {"format": "guide"}},
        },
    }


def _receiver(values: Mapping[str, str], *, with_pods: bool) -> dict[str, Any]:
    options: dict[str, Any] = {
        key: values[name] for key, name in _RECEIVER_OPTIONS.items() if name in values
    }
    if options["share_idle"] == "weighted":
        options["share_idle"] = "false"  # OpenCost reads a boolean, and this word as false
    options["levels"] = ["cluster", "namespace", "pod"] if with_pods else ["cluster", "namespace"]
    return options


_WORDS = {
    "ACCUMULATE": ("true", "false"),
    "AGGREGATION_LEVEL": ("namespace", "pod"),
    "ENABLE_POD_METRICS": ("true", "false"),
    "INCLUDE_IDLE": ("true", "false"),
    "METRIC_MODE": ("rate", "total"),
    "SHARE_IDLE": ("true", "false", "weighted"),
    "TIME_SERIES": ("true", "false"),
}


def _problems(values: Mapping[str, str]) -> Iterator[Problem]:
    """Mistakes that the options of the components cannot see, or not so clearly."""
    if "TENANT_ID" not in values:
        yield Problem(
            "TENANT_ID",
            "is required",
            "set the environment variable TENANT_ID (Helm value "
            "allocationExporter.config.tenantId) to the Cloud Account ID shown in CloudTuner "
            "under Cloud Accounts",
        )
    push = "REMOTE_WRITE_URL" in values and "REMOTE_WRITE_USERNAME" in values
    if push and "REMOTE_WRITE_PASSWORD_FILE" not in values:
        yield Problem(
            "REMOTE_WRITE_PASSWORD_FILE",
            "is required with REMOTE_WRITE_USERNAME",
            "mount the password of the CloudTuner data source as a file and give its path",
        )
    for name, words in _WORDS.items():
        if values[name] not in words:
            yield Problem(name, f'must be {" or ".join(words)}, not "{values[name]}"')
    yield from _quantities(values)


def _quantities(values: Mapping[str, str]) -> Iterator[Problem]:
    port = values["EXPORTER_PORT"]
    if not (port.isdecimal() and port.isascii() and 0 < int(port) < 65536):
        yield Problem("EXPORTER_PORT", f'"{port}" is not a port', "write a number up to 65535")
    try:
        parse_duration(values["STEP"])
    except ValueError as error:
        yield Problem("STEP", str(error))
