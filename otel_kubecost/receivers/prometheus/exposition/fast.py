"""Lines cut at their last spaces: right for ordinary ones.

Whoever knows the keys of the last scrape knows by them whether to trust what comes out.
"""

from __future__ import annotations

from collections.abc import Sequence


def fast_cut(lines: list[bytes]) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Keys and values of lines without times."""
    if not lines:
        return (), ()
    keys, _, texts = zip(*[line.rpartition(b" ") for line in lines], strict=True)
    return keys, texts


def fast_cut_timed(
    lines: list[bytes],
) -> tuple[Sequence[bytes], Sequence[bytes], Sequence[bytes]]:
    """Keys, values and times of lines with times."""
    if not lines:
        return (), (), ()
    parts = [line.rsplit(b" ", 2) for line in lines]
    if min(map(len, parts)) < 3:
        parts = [[b""] * (3 - len(one)) + one for one in parts]
    keys, texts, times = zip(*parts, strict=True)
    return keys, texts, times
