"""Strings that come again become the objects that they were before. Pure.

Pods are nearly the same from answer to answer, and stand in nearly the same order. A batch lives
until the next one is complete: 100,000 names held twice are 10 MB. So each piece of a column is
looked up in what stood near its place the last time::

    before   ... web-7  web-8  web-9  web-10  web-11 ...
                 |---- slack ----|---- piece ----|---- slack ----|
    now          web-9  web-11  web-12        web-12 is new, the others are the same objects
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_SLACK = 256
"""Strings that may have come or gone between two pieces; a longer gap costs memory, no more."""


class Recurring:
    """Goes once along a column, piece by piece, beside the one of ``before``."""

    def __init__(self, before: Sequence[str]) -> None:
        self._before = before
        self._at = 0

    def same(self, texts: Sequence[str]) -> Iterable[str]:
        """``texts``, those that are known as the objects of ``before``."""
        start = max(0, self._at - _SLACK)
        near = self._before[start : self._at + len(texts) + _SLACK]
        known = dict(zip(near, near, strict=True))
        last = next((text for text in reversed(texts) if text in known), None)
        if last is None:
            self._at += len(texts)
        else:
            self._at = start + len(near) - near[::-1].index(last)
        return map(known.get, texts, texts)
