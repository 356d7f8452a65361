"""Rows of another shape than documented: of each field what can be read. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from otel_kubecost.receivers.kubecost.rows import Properties, Row, Span


def loose_row(raw: bytes) -> Row | None:
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
