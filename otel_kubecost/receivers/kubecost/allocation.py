"""The allocation API's JSON to rows, taking what is well formed and inventing nothing. Pure.

An answer is ``{"code": 200, "data": [{key: row, ...}, ...]}`` with one map per step. In the field
a set is ``null`` or ``{}`` while its hour is not computed, a row is ``null``, a number is ``null``
for NaN or a string in dumps that were encoded twice, and an error comes with HTTP status 200. The
common case is decoded in one go into typed structs with only the fields that are used; a set with
a row of another shape is read again row by row, and only that row is read leniently.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from otel_kubecost.errors import NoDataError, ScrapeError

IDLE, UNALLOCATED, UNMOUNTED = "__idle__", "__unallocated__", "__unmounted__"
SHARED, EXTERNAL = "__shared__", "__external__"
_SYNTHETIC = (IDLE, UNMOUNTED, SHARED, EXTERNAL)


class Properties(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """What a row says of itself; every field may be missing (opencost allocationprops.go)."""

    cluster: str | None = None
    namespace: str | None = None
    pod: str | None = None


class Span(msgspec.Struct, gc=False, frozen=True):
    start: str | None = None
    end: str | None = None


Number: TypeAlias = float | msgspec.UnsetType | None
"""A number of an answer: None where it is ``null`` (Go's NaN), UNSET where it is not reported."""


class Row(msgspec.Struct, gc=False, frozen=True, rename="camel"):
    """One allocation: costs in currency over its window, efficiencies as ratios.

    ``total_cost`` has every cost with its adjustment already; the others have theirs beside them
    (opencost allocation.go, ``TotalCost``).
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
    load_balancer_cost: Number = UNSET
    load_balancer_cost_adjustment: Number = UNSET
    shared_cost: Number = UNSET
    external_cost: Number = UNSET
    cpu_efficiency: Number = UNSET
    ram_efficiency: Number = UNSET
    total_efficiency: Number = UNSET
    start: str | None = None
    end: str | None = None
    window: Span | None = None
    properties: Properties | None = None


@dataclass(slots=True)
class Allocations:
    """What one answer says: its sets of rows by key, without what was null."""

    sets: list[dict[str, Row]] = field(default_factory=list)
    null_rows: int = 0
    lenient_rows: int = 0
    """Rows of another shape than documented, of which what could be read was read."""


class EmptySetError(NoDataError):
    """OpenCost refuses to accumulate over steps of which one has no data; unaccumulated it may."""


class _Envelope(msgspec.Struct):
    code: Any = None
    status: Any = None
    message: Any = None
    data: msgspec.Raw = msgspec.Raw()


_envelope = msgspec.json.Decoder(_Envelope)
_typed_sets = msgspec.json.Decoder(list[dict[str, Row | None] | None])
_raw_sets = msgspec.json.Decoder(list[dict[str, msgspec.Raw] | None])
_raw_map = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode(body: bytes) -> Allocations:
    """The rows of an answer's body.

    Raises NoDataError where the answer is sound and empty, ScrapeError where it is an error or
    not an allocation answer at all.
    """
    try:
        envelope = _envelope.decode(body)
        _refuse_error(envelope)
        allocations = _sets(envelope.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ScrapeError(
            f"Kubecost's answer is not JSON of an allocation query: {error}"
        ) from None
    if not any(allocations.sets):
        raise NoDataError("Kubecost allocation query returned empty data")
    return allocations


def decode_error(status: int, body: bytes) -> None:
    """Raise what the body of an answer with an error status says, if it says it in JSON."""
    try:
        envelope = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if envelope.message:
        raise _failure(envelope.code or status, envelope.message)


def is_answer(body: bytes) -> bool:
    """Whether ``body`` is of the allocation API, be it data or an error."""
    try:
        envelope = _envelope.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return bool(envelope.data) or envelope.code is not None


def _refuse_error(envelope: _Envelope) -> None:
    if envelope.code not in (None, 0, 200, "200") or envelope.status == "error":
        raise _failure(envelope.code or "an error", envelope.message or "no message")
    if not envelope.data:
        raise ScrapeError("Kubecost's answer is JSON, but has no allocation data in it")


def _failure(code: Any, message: Any) -> ScrapeError:
    said = " ".join(str(message).split())[:200]
    if "empty AssetSet" in said:
        return EmptySetError(f"Kubecost has no data for part of the window: {said}")
    return ScrapeError(f"Kubecost API returned {code}: {said}")


def _sets(data: msgspec.Raw) -> Allocations:
    try:
        sets = _typed_sets.decode(data)
    except msgspec.ValidationError:
        return _sets_row_by_row(bytes(data))
    rows = [{key: row for key, row in (one or {}).items() if row is not None} for one in sets]
    nulls = sum(len(one or {}) for one in sets) - sum(map(len, rows))
    return Allocations(rows, null_rows=nulls)


def _sets_row_by_row(data: bytes) -> Allocations:
    if data == b"null":
        return Allocations()
    # Some versions give the one set bare, without the list around it.
    sets = [_raw_map.decode(data)] if data.startswith(b"{") else _raw_sets.decode(data)
    allocations = Allocations()
    for one in sets:
        rows: dict[str, Row] = {}
        for key, raw in (one or {}).items():
            row = _row(bytes(raw), allocations)
            if row is not None:
                rows[key] = row
        allocations.sets.append(rows)
    return allocations


def _row(raw: bytes, counts: Allocations) -> Row | None:
    try:
        row = msgspec.json.decode(raw, type=Row | None)
    except msgspec.ValidationError:
        loose = json.loads(raw)
        if isinstance(loose, dict):
            counts.lenient_rows += 1
            return lenient_row(loose)
        row = None
    counts.null_rows += row is None
    return row


_NUMBERS = tuple(
    (name, msgspec.structs.fields(Row)[at].encode_name)
    for at, name in enumerate(Row.__struct_fields__)
    if name.endswith(("_cost", "_adjustment", "_efficiency"))
)


def lenient_row(loose: Mapping[str, Any]) -> Row:
    """A row from any JSON object: each field by itself; what cannot be read is as ``null``."""
    window, properties = loose.get("window"), loose.get("properties")
    return Row(
        **{name: number(loose[key]) for name, key in _NUMBERS if key in loose},
        start=_string(loose.get("start")),
        end=_string(loose.get("end")),
        window=_lenient_span(window) if isinstance(window, dict) else None,
        properties=_lenient_properties(properties) if isinstance(properties, dict) else None,
    )


def _lenient_span(loose: Mapping[str, Any]) -> Span:
    return Span(_string(loose.get("start")), _string(loose.get("end")))


def _lenient_properties(loose: Mapping[str, Any]) -> Properties:
    return Properties(*(_string(loose.get(name)) for name in Properties.__struct_fields__))


_DECIMAL = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", re.ASCII)


def number(value: Any) -> float | None:
    """A finite number, also one written as a string; None for everything else."""
    if isinstance(value, str) and not _DECIMAL.fullmatch(value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = float(value)
    except OverflowError:
        return None
    return parsed if math.isfinite(parsed) else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def identity(key: str, row: Row, dimensions: Sequence[str]) -> tuple[str, ...]:
    """What the row is about, one name a requested dimension.

    The key is the dimensions joined by ``/``. Where it has another number of parts (a name with a
    slash, a server that knows other dimensions), or its properties contradict it, the properties
    say it. Without any the parts of a shorter key are the last dimensions. A dimension that is
    nowhere is ``__unallocated__``.
    """
    parts: Sequence[str | None] = key.split("/")
    said = _said(row.properties, dimensions)
    if any(said):
        fits = len(parts) == len(said) and all(
            name in {None, part} for name, part in zip(said, parts, strict=True)
        )
        parts = parts if fits else said
    parts = [*[None] * (len(dimensions) - len(parts)), *parts]
    if len(parts) != len(dimensions):
        parts = said
    return tuple(part or UNALLOCATED for part in parts)


def _said(properties: Properties | None, dimensions: Sequence[str]) -> list[str | None]:
    return [getattr(properties, dimension, None) for dimension in dimensions]


def synthetic(key: str, names: Sequence[str]) -> str | None:
    """``__idle__``, ``__unmounted__``... for a row that is no object of the cluster, else None.

    Such a name may stand at any part of the key. ``names`` are those of the objects asked for: a
    pod without a controller is a pod all the same.
    """
    parts = key.split("/")
    for name in _SYNTHETIC:
        if name in parts or name in names:
            return name
    unknown = any(name.startswith("__") and name.endswith("__") for name in names)
    return UNALLOCATED if unknown else None
