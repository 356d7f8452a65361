"""Chunks of a page as blocks of lines: comments, and the samples below them.

Lines are cut at C speed, a chunk at a time. What is held is one chunk, and the lines of the block
that is not complete yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

MOST_LINES = 1024
"""Of one block: what is made of its lines then stays in a processor's cache."""

_NEWLINE = 10


class Block(NamedTuple):
    """Lines without their newlines.

    Of a family with many series there are several, of which the first has the comments.
    """

    comments: list[bytes]
    """Lines that begin with ``#``."""
    lines: list[bytes]
    """All others up to the next comment, blank ones too."""


def blocks(chunks: Iterable[bytes]) -> Iterator[Block]:
    """The page that comes in ``chunks``, which may end anywhere."""
    block = Block([], [])
    for text in _whole_lines(chunks):
        for comment, lines in _runs(text):
            if comment is not None:
                if block.lines:
                    yield block
                    block = Block([], [])
                block.comments.append(comment)
            block.lines.extend(lines)
            while len(block.lines) >= MOST_LINES:
                yield Block(block.comments, block.lines[:MOST_LINES])
                block = Block([], block.lines[MOST_LINES:])
    if block.comments or block.lines:
        yield block


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Texts of one or more lines, without the newline of the last."""
    rest = b""
    for chunk in chunks:
        text, newline, rest = (rest + chunk).rpartition(b"\n")
        if newline:
            yield text
    if rest:
        yield rest


def _runs(text: bytes) -> Iterator[tuple[bytes | None, list[bytes]]]:
    """Each comment with the lines up to the next one; None before the first."""
    comment, start = None, 0
    for at in _comments(text):
        yield comment, text[start : at - 1].split(b"\n") if start < at else []
        end = text.find(b"\n", at)
        comment = text[at:] if end < 0 else text[at:end]
        start = at + len(comment) + 1
    yield comment, text[start:].split(b"\n") if start <= len(text) else []


def _comments(text: bytes) -> Iterator[int]:
    """Where lines begin with ``#``."""
    at = text.find(b"#")
    while at >= 0:
        if at == 0 or text[at - 1] == _NEWLINE:
            yield at
        at = text.find(b"#", at + 1)
