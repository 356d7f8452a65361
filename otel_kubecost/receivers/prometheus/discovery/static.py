"""Targets that the configuration names."""

from __future__ import annotations

from collections.abc import Sequence

from otel_kubecost.receivers.prometheus.discovery.groups import TargetGroup
from otel_kubecost.receivers.prometheus.discovery.options import StaticConfig


class StaticDiscovery:
    """All ``static_configs`` of one job; what it knows never changes."""

    failure: str | None = None

    def __init__(self, configs: Sequence[StaticConfig]) -> None:
        self._groups = tuple(group_of(str(place), config) for place, config in enumerate(configs))

    def start(self) -> None:
        """Nothing: there is nothing to look for."""

    def shutdown(self) -> None:
        """Nothing."""

    def groups(self) -> Sequence[TargetGroup]:
        return self._groups


def group_of(source: str, config: StaticConfig) -> TargetGroup:
    """What is known once ``config`` is."""
    targets = tuple({"__address__": address} for address in config.targets)
    return TargetGroup(source, targets, config.labels)
