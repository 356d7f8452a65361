"""What an answer says, fit for a log."""

from __future__ import annotations

from collections.abc import Mapping


def is_page(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the answer is markup: a user interface, a login, an error page of a proxy."""
    kind = headers.get("Content-Type", "")
    return "html" in kind.lower() or body[:200].lstrip().startswith(b"<")


def excerpt(headers: Mapping[str, str], body: bytes, limit: int = 256) -> str:
    """The first ``limit`` bytes of a text, in one line; a page is never repeated: empty."""
    if is_page(headers, body):
        return ""
    return printable(body[:limit].decode("utf-8", "replace")).strip()


def printable(text: str) -> str:
    """One line without control characters: an answer must not write to a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
