"""The assets API's JSON to nodes: how much of them there was, and which are spot nodes. Pure.

An answer is ``{"code": 200, "data": {key: asset, ...}}``, of Kubecost a list of such maps, one a
step. A node says ``preemptible: 1`` where it is a spot node, ``0`` where it is not, something
between where assets of both kinds were made one (opencost asset_json.go). What else is in the
answer (disks, networks) is passed over, and what cannot be read of a node is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from otel_kubecost.errors import ScrapeError
from otel_kubecost.receivers.kubecost.lenient import number
from otel_kubecost.receivers.kubecost.window import Window, parse_time

NODE_HOURS = {"cpu_cores": "cpuCoreHours", "ram_bytes": "ramByteHours", "gpus": "GPUHours"}
"""What nodes have: the word for it in metric names, and its field in an asset."""
_TOLERANCE = 60.0
"""Seconds by which an asset may reach beyond the window."""


@dataclass(slots=True)
class Nodes:
    """One cluster's nodes over a window. Hours are NaN where they are not known."""

    capacity: dict[str, float] = field(default_factory=lambda: dict.fromkeys(NODE_HOURS, 0.0))
    """Hours of cores, bytes and GPUs that there were, used or not."""
    spot_capacity: dict[str, float] = field(default_factory=lambda: dict.fromkeys(NODE_HOURS, 0.0))
    """The part of it on spot nodes."""
    kinds: dict[str, bool | None] = field(default_factory=dict)
    """By name whether a node is a spot node; None where that is not known."""

    def add(self, name: str, spot: bool | None, hours: dict[str, float]) -> None:
        self.kinds[name] = spot if self.kinds.get(name, spot) is spot else None
        for resource, amount in hours.items():
            self.capacity[resource] += amount
            if amount and spot is not False:
                self.spot_capacity[resource] += amount if spot else math.nan


class _Envelope(msgspec.Struct):
    code: Any = None
    message: Any = None
    data: msgspec.Raw = msgspec.Raw()


_envelope = msgspec.json.Decoder(_Envelope)
_map = msgspec.json.Decoder(dict[str, msgspec.Raw])
_maps = msgspec.json.Decoder(list[dict[str, msgspec.Raw] | None])


class _Asset(msgspec.Struct):
    type: Any = None
    properties: Any = None
    preemptible: Any = None
    start: Any = None
    end: Any = None
    cpu_core_hours: Any = msgspec.field(default=None, name="cpuCoreHours")
    ram_byte_hours: Any = msgspec.field(default=None, name="ramByteHours")
    gpu_hours: Any = msgspec.field(default=None, name="GPUHours")


_asset = msgspec.json.Decoder(_Asset)


def decode_nodes(body: bytes, window: Window) -> dict[str, Nodes]:
    """The nodes of each cluster that the answer to a query for ``window`` has.

    Raises ScrapeError where it is an error, or no answer of the assets API.
    """
    try:
        envelope = _envelope.decode(body)
        if envelope.code not in (None, 0, 200, "200"):
            raise ScrapeError(f"Kubecost's assets API returned {envelope.code}: {envelope.message}")
        assets = list(_assets(bytes(envelope.data)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ScrapeError(f"Kubecost's answer is not JSON of an assets query: {error}") from None
    return _by_cluster(assets, window)


def _assets(data: bytes) -> Iterator[_Asset]:
    sets = [_map.decode(data)] if data.startswith(b"{") else _maps.decode(data)
    for one in sets:
        for raw in (one or {}).values():
            try:
                yield _asset.decode(raw)
            except msgspec.ValidationError:
                continue


def _by_cluster(assets: Iterable[_Asset], window: Window) -> dict[str, Nodes]:
    clusters: dict[str, Nodes] = {}
    for asset in assets:
        if asset.type != "Node":
            continue
        about = asset.properties if isinstance(asset.properties, dict) else {}
        nodes = clusters.setdefault(str(about.get("cluster") or ""), Nodes())
        nodes.add(str(about.get("name") or ""), _is_spot(asset), _hours(asset, window))
    return clusters


def _is_spot(asset: _Asset) -> bool | None:
    return {0.0: False, 1.0: True}.get(_float(asset.preemptible))


def _hours(asset: _Asset, window: Window) -> dict[str, float]:
    """Not known where the asset reaches beyond the window: then its hours are of another one.

    A server that keeps days alone answers a query for an afternoon with the day.
    """
    amounts = (asset.cpu_core_hours, asset.ram_byte_hours, asset.gpu_hours)
    start, end = _time(asset.start), _time(asset.end)
    beyond = (start is not None and start < window.start - _TOLERANCE) or (
        end is not None and end > window.end + _TOLERANCE
    )
    return {
        resource: math.nan if beyond else _float(amount)
        for resource, amount in zip(NODE_HOURS, amounts, strict=True)
    }


def _time(value: Any) -> float | None:
    return parse_time(value) if isinstance(value, str) else None


def _float(value: Any) -> float:
    known = number(value)
    return math.nan if known is None else known


@dataclass(frozen=True, slots=True)
class Assets:
    """What could be had of the nodes."""

    clusters: dict[str, Nodes] = field(default_factory=dict)
    problem: str | None = None
    """Why there are none though they were asked for."""

    def nodes(self, cluster: str, *, only: bool) -> Nodes | None:
        """Those of ``cluster``, as allocations call it; None where they are not known.

        ``only``: allocations have no other one. If assets have one as well, it is that one.
        """
        if only and len(self.clusters) == 1:
            return next(iter(self.clusters.values()))
        return self.clusters.get(cluster)
