"""JSON without a blank."""

from __future__ import annotations

import json
from typing import Any

as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
"""The text of a value; ValueError for a float that is not finite."""


def as_bytes(value: Any) -> bytes:
    return in_utf8(as_json(value))


def in_utf8(text: str) -> bytes:
    """Half a surrogate pair, which is no text, becomes a question mark."""
    return text.encode(errors="replace")
