"""The one list of built-in components; nothing else names them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from otel_kubecost.component import Factory, Kind
from otel_kubecost.exporters import prometheus, prometheus_remote_write
from otel_kubecost.extensions import file_storage
from otel_kubecost.processors import cardinality_limit, pricing
from otel_kubecost.receivers import kubecost

BUILT_IN: tuple[Factory, ...] = (
    kubecost.FACTORY,
    cardinality_limit.FACTORY,
    pricing.FACTORY,
    prometheus.FACTORY,
    prometheus_remote_write.FACTORY,
    file_storage.FACTORY,
)


def by_kind(factories: Iterable[Factory]) -> Mapping[Kind, Mapping[str, Factory]]:
    """Factories by kind and by every name that a configuration may use.

    Raises ValueError where two of a kind have the same name.
    """
    kinds: dict[Kind, dict[str, Factory]] = {kind: {} for kind in Kind}
    for factory in factories:
        for name in (factory.name, *factory.aliases):
            if name in kinds[factory.kind]:
                raise ValueError(f"two {factory.kind} are called {name!r}")
            kinds[factory.kind][name] = factory
    return kinds


def builtin_factories() -> Mapping[Kind, Mapping[str, Factory]]:
    return by_kind(BUILT_IN)
