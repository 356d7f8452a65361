"""What is said of a page that cannot be read."""

from __future__ import annotations

_LONGEST = 100


class ExpositionError(ValueError):
    """A page that is not what its format says; the scrape fails as a whole."""


def refused(line: bytes, reason: str) -> ExpositionError:
    """The error that quotes ``line``; ``reason`` is a clause about it."""
    return ExpositionError(f"cannot read {quoted(line)}: {reason}")


def quoted(text: bytes) -> str:
    """``text`` in quotes, no more than its first 100 characters."""
    shown = text[: 4 * _LONGEST].decode(errors="backslashreplace")
    ellipsis = "…" if len(shown) > _LONGEST else ""
    return f"{shown[:_LONGEST]!r}{ellipsis}"
