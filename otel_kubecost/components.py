"""What a configuration can name: the one list of built-in components, and what is installed.

The path in a configuration is the path on disk: ``exporters: prometheus:`` is the ``FACTORY`` of
``otel_kubecost/exporters/prometheus``. It is imported when a configuration names it, so what it
needs, a database or a server, costs nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otel_kubecost.component import Factory, Kind
from otel_kubecost.entry_points import Installed
from otel_kubecost.on_demand import OnDemand

_NAMES: Mapping[Kind, Mapping[str, str]] = {
    Kind.RECEIVER: {"kubecost": "kubecost", "prometheus": "prometheus"},
    Kind.PROCESSOR: {
        "attributes": "attributes",
        "batch": "batch",
        "cardinality_limit": "cardinality_limit",
        "filter": "filter",
        "memory_limiter": "memory_limiter",
        "metrics_transform": "metrics_transform",
        "metricstransform": "metrics_transform",
        "pricing": "pricing",
        "resource": "resource",
    },
    Kind.EXPORTER: {
        "debug": "debug",
        "otlp_http": "otlp_http",
        "otlphttp": "otlp_http",
        "otlp_json_file": "otlp_json_file",
        "otlpjsonfile": "otlp_json_file",
        "prometheus": "prometheus",
        "prometheus_remote_write": "prometheus_remote_write",
        "prometheusremotewrite": "prometheus_remote_write",
    },
    Kind.EXTENSION: {"file_storage": "file_storage"},
}
"""Every name that a configuration may use, and the folder that it stands for."""


def builtin_factories() -> Mapping[Kind, Mapping[str, Factory]]:
    """By kind and by every name that a configuration may use."""
    return {
        kind: OnDemand(
            {name: f"otel_kubecost.{kind}.{folder}:FACTORY" for name, folder in names.items()}
        )
        for kind, names in _NAMES.items()
    }


class Known(Mapping[str, Factory]):
    """Built-in components of a kind and, where a name is none of theirs, what is installed.

    ``[]`` raises ConfigError for an installed one that cannot be used.
    """

    def __init__(self, kind: Kind, builtin: Mapping[str, Factory]) -> None:
        self.builtin = builtin
        self.installed = Installed(kind, reserved=builtin)

    def __getitem__(self, name: str) -> Factory:
        return (self.builtin if name in self.builtin else self.installed)[name]

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in self.installed

    def __iter__(self) -> Iterator[str]:
        """The built-in ones first: who wants one example alone does not look further."""
        yield from self.builtin
        yield from (name for name in self.installed if name not in self.builtin)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def factories() -> Mapping[Kind, Known]:
    """As ``builtin_factories``, with the components that other distributions bring."""
    return {kind: Known(kind, builtin) for kind, builtin in builtin_factories().items()}
