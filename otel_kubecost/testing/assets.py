"""The simulated cluster's nodes as the assets API has them. Pure.

They are made of what the cluster's pods cost by node. Idle capacity, of which Kubecost says no
node, is spread evenly over them, so that nodes cost what pods and idle cost together.
"""

from __future__ import annotations

from typing import Any

from otel_kubecost.testing.cluster import IDLE, UNALLOCATED, Row, SimulatedCluster

_HOURS = ("cpuCoreHours", "ramByteHours", "gpuHours")
_COSTS = ("cpuCost", "ramCost", "gpuCost")


def node_assets(
    cluster: SimulatedCluster, start: int, end: int, *, now: float | None = None
) -> dict[str, Row]:
    """Nodes by the key that the API has for them; none where the window has not begun."""
    rows = cluster.allocations(start, end, ("cluster", "node"), now=now)
    idle = rows.pop(f"{cluster.name}/{IDLE}", None)
    rows.pop(f"{cluster.name}/{UNALLOCATED}", None)
    assets = [_asset(row, idle or {}, len(rows)) for row in rows.values()]
    return {_key(asset["properties"]): asset for asset in assets}


def _asset(row: Row, idle: Row, nodes: int) -> Row:
    def whole(field: str) -> float:
        return round(float(row[field]) + float(idle.get(field, 0)) / nodes, 5)

    hours, costs = {name: whole(name) for name in _HOURS}, {name: whole(name) for name in _COSTS}
    span = row["minutes"] / 60
    return {
        "type": "Node",
        "properties": _properties(row["properties"]),
        "labels": {},
        "window": row["window"],
        "start": row["start"],
        "end": row["end"],
        "minutes": row["minutes"],
        "nodeType": "standard-8",
        "cpuCores": round(hours["cpuCoreHours"] / span, 5),
        "ramBytes": round(hours["ramByteHours"] / span, 5),
        "cpuCoreHours": hours["cpuCoreHours"],
        "ramByteHours": hours["ramByteHours"],
        "GPUHours": hours["gpuHours"],
        "gpuCount": round(hours["gpuHours"] / span, 5),
        "preemptible": 0,
        "discount": 0,
        **costs,
        "adjustment": row["cpuCostAdjustment"],
        "totalCost": round(sum(costs.values()) + row["cpuCostAdjustment"], 5),
    }


def _properties(of_row: Row) -> Row:
    return {
        "category": "Compute",
        "service": "Kubernetes",
        "cluster": of_row["cluster"],
        "name": of_row["node"],
        "providerID": of_row["node"],
    }


_KEY = ("provider", "account", "project", "category", "cluster", "type", "service", "providerID",
        "name")  # fmt: skip


def _key(properties: dict[str, Any]) -> str:
    parts = {**properties, "type": "Node"}
    return "/".join(parts.get(name, "__undefined__") for name in _KEY)
