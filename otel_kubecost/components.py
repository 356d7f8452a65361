"""The one list of built-in components; nothing else names them.

The path in a configuration is the path on disk: ``exporters: prometheus:`` is the ``FACTORY`` of
``otel_kubecost/exporters/prometheus``. It is imported when a configuration names it, so what it
needs, a database or a server, costs nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping

from otel_kubecost.component import Factory, Kind
from otel_kubecost.on_demand import OnDemand

_NAMES: Mapping[Kind, Mapping[str, str]] = {
    Kind.RECEIVER: {"kubecost": "kubecost"},
    Kind.PROCESSOR: {"cardinality_limit": "cardinality_limit", "pricing": "pricing"},
    Kind.EXPORTER: {
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
