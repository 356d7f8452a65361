"""What a client asks of a fake server, and what it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    """Without the query."""
    query: Mapping[str, str]
    """Decoded parameters; of one given twice, the last."""
    headers: HTTPMessage
    """Looked up without regard to case."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the client gets, and how."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    """Say nothing, with the connection open, until the server closes."""
    drip: float = 0.0
    """Seconds between two bytes of the body; 0 sends it at once."""
    cut_after: int | None = None
    """Close the connection after so many bytes, though Content-Length promised the whole body."""


Handler: TypeAlias = Callable[[Request], Reply]
