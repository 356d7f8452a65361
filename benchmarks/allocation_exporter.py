"""An allocation exporter as one usually writes it: what a team does without this package.

Kubecost is asked with ``requests``, the JSON becomes dictionaries, every number of every row is set
on a labelled gauge of ``prometheus_client``, and Prometheus scrapes the page. Pods that are gone
stay on the page: to end them, gauges would have to be cleared in each cycle, which costs more.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any, TypeAlias

import requests
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from benchmarks.product import CLUSTER_NAME, TENANT

Row: TypeAlias = dict[str, Any]

_HOURS = 24
_COSTS = {
    "total": ("totalCost", None),
    "cpu": ("cpuCost", "cpuCostAdjustment"),
    "ram": ("ramCost", "ramCostAdjustment"),
    "pv": ("pvCost", "pvCostAdjustment"),
    "network": ("networkCost", "networkCostAdjustment"),
    "lb": ("loadBalancerCost", "loadBalancerCostAdjustment"),
    "network_cross_zone": ("networkCrossZoneCost", None),
    "network_cross_region": ("networkCrossRegionCost", None),
    "network_internet": ("networkInternetCost", None),
}
_EFFICIENCIES = ("cpu", "ram", "total")
_GUIDE = ("total", "cpu", "ram")


class Exporter:
    """The gauges, and the queries that set them."""

    def __init__(self, source: str, form: str) -> None:
        self.registry = CollectorRegistry()
        self._source = source
        self._has_all = form == "wide"
        of_pods = tuple(_COSTS) if self._has_all else _GUIDE
        self._namespaces = self._costs("namespace", ["namespace"], tuple(_COSTS))
        self._ratios = self._efficiencies("namespace", ["namespace"])
        self._pods = self._costs("pod", ["namespace", "pod"], of_pods)
        self._pod_ratios = self._efficiencies("pod", ["namespace", "pod"]) if self._has_all else {}
        self._nodes = self._costs("node", ["node"], _GUIDE)

    def update(self) -> None:
        for row in self._rows("cluster,namespace"):
            names = (row["properties"]["namespace"],)
            self._set(row, names, self._namespaces, self._ratios)
        nodes: dict[str, dict[str, float]] = {}
        for row in self._rows("cluster,namespace,pod,node"):
            said = row["properties"]
            self._set(row, (said["namespace"], said["pod"]), self._pods, self._pod_ratios)
            sums = nodes.setdefault(said["node"], dict.fromkeys(_GUIDE, 0.0))
            for part in _GUIDE:
                sums[part] += _cost(row, part)
        for node, sums in nodes.items():
            for part, amount in sums.items():
                self._nodes[part].labels(CLUSTER_NAME, node, TENANT, "USD").set(amount / _HOURS)

    def _rows(self, aggregate: str) -> Iterator[Row]:
        parameters = {"window": f"{_HOURS}h", "aggregate": aggregate, "accumulate": "true"}
        answer = requests.get(f"{self._source}/model/allocation", params=parameters, timeout=120)
        answer.raise_for_status()
        for rows in answer.json()["data"]:
            yield from (row for name, row in rows.items() if "__" not in name)

    def _set(
        self,
        row: Row,
        names: tuple[str, ...],
        costs: dict[str, Gauge],
        ratios: dict[str, Gauge],
    ) -> None:
        for part, gauge in costs.items():
            labels = gauge.labels(CLUSTER_NAME, *names, TENANT, "USD")
            labels.set(_cost(row, part) / _HOURS)
        for which, gauge in ratios.items():
            gauge.labels(CLUSTER_NAME, *names, TENANT).set(row[f"{which}Efficiency"])

    def _costs(self, level: str, names: list[str], parts: tuple[str, ...]) -> dict[str, Gauge]:
        labels = ["cluster", *names, "tenant_id", "currency"]
        return {part: self._gauge(f"{level}_{part}_cost", labels) for part in parts}

    def _efficiencies(self, level: str, names: list[str]) -> dict[str, Gauge]:
        labels = ["cluster", *names, "tenant_id"]
        return {
            which: self._gauge(f"{level}_{which}_efficiency", labels) for which in _EFFICIENCIES
        }

    def _gauge(self, name: str, labels: list[str]) -> Gauge:
        full = f"cloudtuner_kubecost_{name}"
        return Gauge(full, name.replace("_", " "), labels, registry=self.registry)


def _cost(row: Row, part: str) -> float:
    name, adjustment = _COSTS[part]
    cost: float = row[name] + (row[adjustment] if adjustment else 0.0)
    return cost


def main(source: str, form: str, interval: str, port: str) -> None:
    exporter = Exporter(source, form)
    exporter.update()
    start_http_server(int(port), addr="127.0.0.1", registry=exporter.registry)
    while True:
        time.sleep(float(interval) - time.time() % float(interval))
        exporter.update()


if __name__ == "__main__":
    main(*sys.argv[1:])
