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
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from otel_kubecost.errors import NoDataError, ScrapeError
from otel_kubecost.http.excerpt import printable


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


@dataclass(slots=True)
class Allocations:
    """What one answer says: its sets of rows by key, without what was null."""

    sets: list[dict[str, Row]] = field(default_factory=list)
    null_rows: int = 0
    lenient_rows: int = 0
    """Rows of another shape than documented, of which what could be read was read."""
    without_idle: bool = False
    """Idle was asked for and could not be had: what it costs is not known."""


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
    said = printable(" ".join(str(message).split())[:200])
    if "empty AssetSet" in said:
        return EmptySetError(f"Kubecost has no data for part of the window: {said}")
    return ScrapeError(f"Kubecost API returned {printable(str(code)[:20])}: {said}")


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
        row = _loose_row(raw)
        counts.lenient_rows += row is not None
    counts.null_rows += row is None
    return row


def _loose_row(raw: bytes) -> Row | None:
    try:
        loose = json.loads(raw)
    except (ValueError, RecursionError):  # a number of thousands of digits, a thousand brackets
        return _UNKNOWN
    return lenient_row(loose) if isinstance(loose, dict) else None


_NUMBERS = tuple(
    (name, msgspec.structs.fields(Row)[at].encode_name)
    for at, name in enumerate(Row.__struct_fields__)
    if name.endswith(("_cost", "_adjustment", "_efficiency", "_hours"))
)
_UNKNOWN = Row(**{name: None for name, _ in _NUMBERS})
"""Of which nothing can be read: what it costs is not known, nor any sum with it."""


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
    texts = {name: _string(loose.get(key)) for name, key in _PROPERTIES}
    raws = {name: msgspec.Raw(json.dumps(loose.get(name)).encode()) for name in _RAW}
    return Properties(**texts, **raws)  # type: ignore[arg-type]  # each by its name


_RAW = ("labels", "annotations")
_PROPERTIES = tuple(
    (field.name, field.encode_name)
    for field in msgspec.structs.fields(Properties)
    if field.name not in _RAW
)


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
