"""Values, attributes and times, as the Collector prints them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from otel_kubecost.exporters.series.floats import format_float


def number(value: float) -> str:
    return str(value) if isinstance(value, int) else format_float(value)


def pairs(attributes: Mapping[str, Any] | None) -> list[str]:
    """``key=value``, one an attribute."""
    return [f"{key}={_plain(value)}" for key, value in (attributes or {}).items()]


def block(title: str, attributes: Mapping[str, Any] | None) -> Iterator[str]:
    """Lines: the title and under it each attribute with its type; none without attributes."""
    if attributes:
        yield f"{title}:"
        yield from (f"     -> {key}: {_typed(value)}" for key, value in attributes.items())


def time(nanoseconds: int | None) -> str:
    """In UTC, exact; of nothing the epoch, as 0 means in OTLP."""
    seconds, rest = divmod(nanoseconds or 0, 10**9)
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def joined(parts: Iterable[str]) -> str:
    """On one line; a part that is empty takes no place."""
    return " ".join(part for part in parts if part)


def _typed(value: Any) -> str:
    return f"{_type(value)}({_plain(value)})"


def _type(value: Any) -> str:  # noqa: PLR0911  one line for each type
    match value:
        case None:
            return "Empty"
        case str():
            return "Str"
        case bool():
            return "Bool"
        case int():
            return "Int"
        case float():
            return "Double"
        case bytes():
            return "Bytes"
        case Mapping():
            return "Map"
        case Sequence():
            return "Slice"
        case _:
            return "Str"


def _plain(value: Any) -> str:
    """A text on one line, whatever is in it."""
    match value:
        case None:
            return ""
        case bool() | Mapping() | list() | tuple():
            return json.dumps(value, default=str)
        case int() | float():
            return number(value)
        case _:
            return str(value).replace("\r", "\\r").replace("\n", "\\n")
