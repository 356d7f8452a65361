"""One row of an allocation answer: the fields that are used, typed.

Fields of the API's that are not here are passed over by the decoder. Few answers need even these:
``row_type`` makes a type with fewer, which halves what a row costs to decode.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import TypeAlias

import msgspec
from msgspec import UNSET


class Properties(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """What a row says of itself; every field may be missing (opencost allocationprops.go)."""

    cluster: str | None = None
    node: str | None = None
    namespace: str | None = None
    controller_kind: str | None = None
    controller: str | None = None
    pod: str | None = None
    labels: msgspec.Raw = msgspec.Raw()
    """By sanitised name; read only where a key does not say them."""
    annotations: msgspec.Raw = msgspec.Raw()


class Span(msgspec.Struct, gc=False, frozen=True):
    start: str | None = None
    end: str | None = None


Number: TypeAlias = float | msgspec.UnsetType | None
"""A number of an answer: None where it is ``null`` (Go's NaN), UNSET where it is not reported."""


class Row(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """One allocation: costs in currency over its window, efficiencies as ratios.

    ``total_cost`` has every cost with its adjustment already; the others have theirs beside them
    (opencost allocation.go, ``TotalCost``). The parts of the network's cost are contained in it.
    Hours are of cores, GPUs and bytes that were allocated.
    """

    total_cost: Number = UNSET
    cpu_cost: Number = UNSET
    cpu_cost_adjustment: Number = UNSET
    gpu_cost: Number = UNSET
    gpu_cost_adjustment: Number = UNSET
    ram_cost: Number = UNSET
    ram_cost_adjustment: Number = UNSET
    pv_cost: Number = UNSET
    pv_cost_adjustment: Number = UNSET
    network_cost: Number = UNSET
    network_cost_adjustment: Number = UNSET
    network_cross_zone_cost: Number = UNSET
    network_cross_region_cost: Number = UNSET
    network_internet_cost: Number = UNSET
    load_balancer_cost: Number = UNSET
    load_balancer_cost_adjustment: Number = UNSET
    shared_cost: Number = UNSET
    external_cost: Number = UNSET
    cpu_efficiency: Number = UNSET
    ram_efficiency: Number = UNSET
    total_efficiency: Number = UNSET
    cpu_core_hours: Number = UNSET
    gpu_hours: Number = UNSET
    ram_byte_hours: Number = UNSET
    pv_byte_hours: Number = UNSET
    start: str | None = None
    end: str | None = None
    window: Span | None = None
    properties: Properties | None = None


@lru_cache(maxsize=64)
def row_type(
    numbers: Collection[str], properties: Collection[str], *, spans: bool
) -> type[msgspec.Struct]:
    """``Row`` with these fields alone. It demands a total: without one all of a row is needed."""
    kinds = {one.name: one for one in msgspec.structs.fields(Properties)}
    said = [(name, kinds[name].type, kinds[name].default) for name in properties]
    about = msgspec.defstruct("Said", said, gc=False, frozen=True, rename="camel")
    fields = [(name, Number, UNSET) for name in numbers if name != "total_cost"]
    times = [("start", str | None, None), ("end", str | None, None), ("window", Span | None, None)]
    return msgspec.defstruct(
        "NarrowRow",
        [
            ("total_cost", float | None),
            *fields,
            *(times if spans else ()),
            ("properties", about | None, None),
        ],
        gc=False,
        frozen=True,
        rename="camel",
    )
