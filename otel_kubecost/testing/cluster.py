"""A simulated living cluster and the allocation rows that Kubecost would report of it. Pure.

The same seed, window and ``now`` give the same rows. Rows of any level add up to those of any
other, and hours to days, within the five decimals that Kubecost rounds to: each level groups the
same costs of the same pods, hour by hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from otel_kubecost.testing.costs import (
    Costs,
    Price,
    disk_costs,
    idle_costs,
    pod_costs,
    row_fields,
    sum_costs,
)
from otel_kubecost.testing.workloads import GIB, HOUR, Pod, living, suffix

Row: TypeAlias = dict[str, Any]
"""One allocation as it stands in the answer."""

IDLE = "__idle__"
UNALLOCATED = "__unallocated__"
UNMOUNTED = "__unmounted__"


class Pool(NamedTuple):
    """Nodes of one kind."""

    nodes: int
    cores: float
    ram_gib: float
    gpus: float = 0.0


_POOLS: Mapping[str, Pool] = {"general": Pool(4, 8.0, 32.0), "gpu": Pool(1, 16.0, 64.0, 1.0)}
_FORGOTTEN_GIB = 250.0
"""Of a volume that no pod mounts any more, and that is paid for all the same."""


@dataclass(frozen=True, slots=True)
class SimulatedCluster:
    """A cluster of five nodes and six namespaces; ``workloads`` says what runs there."""

    seed: int = 0
    name: str = "demo-cluster"

    def pods(self, start: int, end: int) -> list[Pod]:
        """The pods that live in some part of ``[start, end)``, seconds since the epoch."""
        counts = {name: pool.nodes for name, pool in _POOLS.items()}
        return list(living(str(self.seed), counts, start, end))

    def allocations(
        self,
        start: int,
        end: int,
        aggregate: Sequence[str],
        *,
        idle: bool = True,
        now: float | None = None,
    ) -> dict[str, Row]:
        """Rows of the window ``[start, end)`` by key: one set of an allocation answer.

        ``aggregate`` are dimensions: cluster, node, namespace, controllerKind, controller, pod,
        container, ``label:NAME``, ``annotation:NAME``; Kubecost drops one that it does not know.
        Nothing after ``now`` has happened: rows end there, and a window that starts later is
        empty. Raises ValueError for no known dimension.
        """
        dimensions = tuple(filter(_is_known, aggregate))
        if not dimensions:
            raise ValueError(f"aggregate {','.join(aggregate)!r} has no dimension that is known")
        until = end if now is None else min(end, int(now))
        pieces = [piece for hour in _hours(start, until) for piece in _pieces_of(self, *hour)]
        groups: dict[str, list[_Piece]] = {}
        for piece in pieces:
            if idle or not piece.is_idle:
                groups.setdefault(_key(piece, dimensions), []).append(piece)
        window = {"start": _rfc3339(start), "end": _rfc3339(end)}
        return {key: _row(key, dimensions, window, group) for key, group in groups.items()}


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one owner cost in an hour of the clock or a part of one."""

    properties: Mapping[str, Any]
    start: int
    end: int
    costs: Costs
    volume: str = ""

    @property
    def is_idle(self) -> bool:
        return IDLE in self.properties


def _hours(start: int, end: int) -> Iterator[tuple[int, int]]:
    """``[start, end)`` cut at the hours of the clock."""
    for hour in range(start - start % HOUR, end, HOUR):
        yield max(start, hour), min(end, hour + HOUR)


@lru_cache(maxsize=256)
def _pieces_of(cluster: SimulatedCluster, start: int, end: int) -> tuple[_Piece, ...]:
    """Everything in one hour. Kept, as each level and each window that has the hour asks again."""
    pods = tuple(_pod_piece(cluster, pod, start, end) for pod in cluster.pods(start, end))
    hours = (end - start) / HOUR
    unmounted = _Piece(
        {"cluster": cluster.name, "namespace": UNMOUNTED, "pod": UNMOUNTED, "container": UNMOUNTED},
        start,
        end,
        disk_costs(_FORGOTTEN_GIB, hours),
        _volume(cluster, UNMOUNTED),
    )
    idle = idle_costs(_capacity(hours), (piece.costs for piece in pods))
    return (*pods, unmounted, _Piece({"cluster": cluster.name, IDLE: True}, start, end, idle))


def _pod_piece(cluster: SimulatedCluster, pod: Pod, start: int, end: int) -> _Piece:
    begin, finish = max(start, pod.start), min(end, pod.end)
    volume = _volume(cluster, pod.workload.name, pod.replica) if pod.workload.disk else ""
    costs = pod_costs(pod, begin, finish)
    return _Piece(_properties(cluster.name, pod), begin, finish, costs, volume)


def _volume(cluster: SimulatedCluster, *owner: object) -> str:
    return f"cluster={cluster.name}:name=pvc-{suffix(10, cluster.seed, *owner)}"


def _capacity(hours: float) -> Costs:
    cores = hours * sum(pool.nodes * pool.cores for pool in _POOLS.values())
    ram = hours * sum(pool.nodes * pool.ram_gib for pool in _POOLS.values())
    gpus = hours * sum(pool.nodes * pool.gpus for pool in _POOLS.values())
    return Costs(
        core_hours=cores,
        cpu=cores * Price.CORE,
        ram_byte_hours=ram * GIB,
        ram=ram * Price.RAM_GIB,
        gpu_hours=gpus,
        gpu=gpus * Price.GPU,
    )


def _properties(cluster: str, pod: Pod) -> dict[str, Any]:
    what = pod.workload
    team = what.labels.get("team")
    return {
        "cluster": cluster,
        "node": pod.node,
        "namespace": what.namespace,
        "controllerKind": what.kind,
        "controller": what.name,
        "pod": pod.name,
        "container": what.name,
        "labels": {"app": what.name, **what.labels},
        "annotations": {"owner": f"{team}@example.com"} if team else {},
    }


_PLAIN = {"cluster", "node", "namespace", "controllerKind", "controller", "pod", "container"}
_NAMED = {"label": "labels", "annotation": "annotations"}


def _is_known(dimension: str) -> bool:
    kind, colon, name = dimension.partition(":")
    return dimension in _PLAIN or (kind in _NAMED and bool(colon and name))


def _value(properties: Mapping[str, Any], dimension: str) -> str:
    """What ``dimension`` is for the owner of a piece; empty where it has none."""
    kind, _, name = dimension.partition(":")
    found = properties.get(_NAMED[kind], {}).get(name) if name else properties.get(dimension)
    return str(found or "")


def _key(piece: _Piece, dimensions: Sequence[str]) -> str:
    """Values joined by ``/``. Idle is one row a cluster, whatever the level."""
    if piece.is_idle:
        return f"{piece.properties['cluster']}/{IDLE}" if "cluster" in dimensions else IDLE
    values = [_value(piece.properties, dimension) or UNALLOCATED for dimension in dimensions]
    if "controller" in dimensions and "controllerKind" not in dimensions:
        at = dimensions.index("controller")
        kind = _value(piece.properties, "controllerKind")
        values[at] = f"{kind}:{values[at]}" if kind else values[at]
    return "/".join(values)


def _row(
    key: str, dimensions: Sequence[str], window: Mapping[str, str], pieces: Sequence[_Piece]
) -> Row:
    start = min(piece.start for piece in pieces)
    end = max(piece.end for piece in pieces)
    return {
        "name": key,
        "properties": _row_properties(pieces[0].properties, dimensions),
        "window": dict(window),
        "start": _rfc3339(start),
        "end": _rfc3339(end),
        "minutes": (end - start) / 60,
        **row_fields(sum_costs(piece.costs for piece in pieces), (end - start) / HOUR),
        "pvs": _volumes(pieces),
        "lbAllocations": None,
        "rawAllocationOnly": None,
    }


def _row_properties(owner: Mapping[str, Any], dimensions: Iterable[str]) -> dict[str, Any]:
    """The dimensions that were asked for and nothing else, as Kubecost does from 2.3 on."""
    properties: dict[str, Any] = {}
    for dimension in dimensions:
        kind, _, name = dimension.partition(":")
        value = _value(owner, dimension)
        if value and name:
            properties.setdefault(_NAMED[kind], {})[name] = value
        elif value:
            properties[dimension] = value
    return properties


def _volumes(pieces: Iterable[_Piece]) -> dict[str, Any] | None:
    by_name: dict[str, Costs] = {}
    for piece in pieces:
        if piece.volume:
            by_name[piece.volume] = by_name.get(piece.volume, Costs()).plus(piece.costs)
    return {
        name: {
            "byteHours": round(costs.disk_byte_hours, 5),
            "cost": round(costs.disk, 5),
            "providerID": name.rpartition("=")[2],
            "adjustment": 0,
        }
        for name, costs in by_name.items()
    } or None


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
