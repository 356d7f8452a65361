"""The simulated cluster's rows and answers as each flavour writes them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from otel_kubecost.testing.cluster import IDLE, Row
from otel_kubecost.testing.flavours import Traits

Rows: TypeAlias = dict[str, Row]

FINEST = ("node", "controllerKind", "controller", "namespace", "pod", "container")
"""What a row without aggregation is by, beside its cluster."""

_SINCE: Mapping[int, Sequence[str]] = {
    2023: ("lbAllocations", "networkCrossZoneCost", "networkCrossRegionCost",
           "networkInternetCost"),
    2024: ("cpuCostIdle", "gpuCostIdle", "ramCostIdle", "gpuEfficiency"),
    2025: ("gpuAllocation",),
}  # fmt: skip
"""Fields by the year in which they came (opencost allocation_json.go)."""
_NEWEST = {
    "cpuCoreLimitAverage": "cpuCoreRequestAverage",
    "ramByteLimitAverage": "ramByteRequestAverage",
}
_GPU_USE = ("gpuUsageAverage", "gpuRequestAverage")
"""At the top of a row in 2024 alone, later in its ``gpuAllocation``."""


def spoken(
    rows: Rows, dimensions: Sequence[str], traits: Traits, finest: Rows | None = None
) -> Rows:
    """``rows`` by ``dimensions`` as the flavour has them.

    ``finest`` are the rows of the same window by ``FINEST`` too, for flavours whose properties
    tell more than what was asked for.
    """
    told = _common_properties(rows, finest) if finest else {}
    found: Rows = {}
    for key, row in rows.items():
        properties = row["properties"] | told.get(key, {})
        name = key
        if key.rpartition("/")[2] == IDLE:
            name, properties = _idle(key, properties, dimensions, traits)
        found[name] = _fields({**row, "name": name, "properties": properties}, traits.fields)
    return found


def _idle(key: str, properties: Row, dimensions: Sequence[str], traits: Traits) -> tuple[str, Row]:
    if traits.idle == "each":
        return "/".join([IDLE] * len(dimensions)), dict.fromkeys(dimensions, IDLE)
    return IDLE if traits.idle == "joined" else key, properties


def _fields(row: Row, year: int) -> Row:
    missing = {name for since, names in _SINCE.items() if since > year for name in names}
    kept = {name: value for name, value in row.items() if name not in missing}
    if year == 2024:
        kept |= {name: (row["gpuAllocation"] or {}).get(name, 0) for name in _GPU_USE}
    if year >= 2026:
        kept |= {name: row[of] for name, of in _NEWEST.items()}
        kept |= {"networkNatGatewayEgressCost": 0, "networkNatGatewayIngressCost": 0}
    return kept


def _common_properties(rows: Rows, finest: Rows) -> dict[str, dict[str, Any]]:
    """By key, what all members of a row have in common (opencost ``Intersection``)."""
    common: dict[str, dict[str, Any]] = {}
    for key, row in finest.items():
        of = next((start for start in _starts(key) if start in rows), None)
        if of is not None:
            mine = row["properties"]
            known = common.setdefault(of, dict(mine))
            common[of] = {name: value for name, value in known.items() if mine.get(name) == value}
    return common


def _starts(key: str) -> Iterable[str]:
    """``a/b/c``, ``a/b``, ``a``."""
    parts = key.split("/")
    return ("/".join(parts[:size]) for size in range(len(parts), 0, -1))


def one_page(rows: Rows, limit: int, offset: int) -> Rows:
    """A page as Kubecost gives it: the most expensive first, the idle row on each beside them."""
    if not limit:
        return rows
    idle = {key: row for key, row in rows.items() if key.endswith(IDLE)}
    others = [key for key in rows if key not in idle]
    others.sort(key=lambda key: (-rows[key]["totalCost"], key))
    return idle | {key: rows[key] for key in others[offset : offset + limit]}


def envelope(data: Any, traits: Traits) -> dict[str, Any]:
    return {"code": 200, **({"status": "success"} if traits.status else {}), "data": data}
