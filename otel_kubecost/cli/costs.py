"""Costs by what they are about, read from series: what the table and the demo show. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from otel_kubecost.exporters.series.model import Labels

PREFIX = "cloudtuner_kubecost_"
HOURS_A_MONTH = 730

_OTHERS = ("idle", "unmounted", "unallocated", "shared")
"""Costs of a cluster that belong to no namespace."""


class Amount(NamedTuple):
    name: str
    hourly: float


class ClusterCosts(NamedTuple):
    """What a cluster costs an hour, and what that is made of."""

    total: float | None
    """None where it is not known, or not asked for."""
    namespaces: Sequence[Amount]
    """Dearest first."""
    others: Sequence[Amount]
    """``idle`` and such, those that there are."""

    @property
    def difference(self) -> float | None:
        """The total less the sum of its rows: 0 but for rounding."""
        if self.total is None:
            return None
        return self.total - sum(row.hourly for row in (*self.namespaces, *self.others))


class Costs:
    """Values by metric, without its prefix, and by cluster, namespace and pod or levels."""

    def __init__(self, series: Iterable[tuple[Labels, float]]) -> None:
        self._values: dict[str, dict[tuple[str, ...], float]] = {}
        self.currency = ""
        """Of the costs; empty where they have none."""
        for labels, value in series:
            pairs = dict(labels)
            parts = (pairs[name] for name in ("namespace", "pod", "levels") if name in pairs)
            self.currency = pairs.get("currency", self.currency)
            metric = pairs["__name__"].removeprefix(PREFIX)
            self._values.setdefault(metric, {})[pairs.get("cluster", ""), *parts] = value

    @property
    def clusters(self) -> list[str]:
        """Those with a cost of their own or of a namespace, by name."""
        costs = (at for name, at in self._values.items() if name.endswith("_total_cost"))
        return sorted({about[0] for values in costs for about in values})

    def value(self, metric: str, *about: str) -> float | None:
        """Of a cluster, a namespace of it, a pod of that; None where there is none."""
        return self._values.get(metric, {}).get(about)

    def has(self, part: str, cluster: str) -> bool:
        """Whether a namespace of ``cluster``, or it itself, has a metric that ends so."""
        names = (f"namespace_{part}", f"cluster_{part}")
        return any(about[0] == cluster for name in names for about in self._values.get(name, ()))

    def only(self, metric: str) -> float | None:
        """The value of a metric that has one series; None where it has none, or several."""
        values = list(self._values.get(metric, {}).values())
        return values[0] if len(values) == 1 else None

    def dearest(self, metric: str, cluster: str) -> list[Amount]:
        """What has ``metric`` in ``cluster``, as ``namespace`` or ``namespace/pod``."""
        found = [
            Amount("/".join(about), value)
            for (owner, *about), value in self._values.get(metric, {}).items()
            if owner == cluster
        ]
        return sorted(found, key=lambda amount: (-amount.hourly, amount.name))

    def of_cluster(self, cluster: str) -> ClusterCosts:
        others = ((word, self.value(f"cluster_{word}_cost", cluster)) for word in _OTHERS)
        return ClusterCosts(
            total=self.value("cluster_total_cost", cluster),
            namespaces=self.dearest("namespace_total_cost", cluster),
            others=[Amount(word, hourly) for word, hourly in others if hourly is not None],
        )
