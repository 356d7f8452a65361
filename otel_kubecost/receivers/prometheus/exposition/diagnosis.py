"""What is wrong with a line that is no sample."""

from __future__ import annotations

import re
from typing import TypeAlias

Steps: TypeAlias = tuple[tuple[bytes, str], ...]
"""Patterns of what has to come next, each with what is said where it does not."""

_OPEN_QUOTES = re.compile(rb'(?:[^"]*+"(?:[^\\"]++|\\.)*+")*+[^"]*+"')


def diagnosis(line: bytes, steps: Steps) -> str:
    """What the first of ``steps`` says that ``line`` does not take."""
    at = 0
    for pattern, complaint in steps:
        found = re.compile(pattern).match(line, at)
        if not found:
            return "its quotes do not end" if _OPEN_QUOTES.match(line) else complaint
        at = found.end()
    return "the metric has no name, or two"
