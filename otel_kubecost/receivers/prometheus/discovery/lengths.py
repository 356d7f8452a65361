"""Lengths of time as Prometheus writes them into labels and reads them from there.

Narrower than what users may write in a configuration: whole numbers, from the greatest unit to
the smallest, each once.
"""

from __future__ import annotations

import re

_MILLIS = {
    "y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000,
    "s": 1000, "ms": 1,
}  # fmt: skip
_PATTERN = re.compile("".join(rf"(?:([0-9]+){unit})?" for unit in _MILLIS))
_WHOLE = ("y", "w")
"""Written only where nothing is left: a week and a day are ``8d``."""
_LONGEST = (2**63 - 1) // 10**6
"""Milliseconds: Go counts nanoseconds."""


def parse_length(text: str) -> float:
    """Seconds of ``1m30s``; ``0`` needs no unit. Raises ValueError."""
    found = _PATTERN.fullmatch(text)
    if text == "0":
        return 0.0
    if not text or found is None:
        raise ValueError(f"{text!r} is no length of time; write it as 30s or 1m30s")
    counts = zip(found.groups(), _MILLIS.values(), strict=True)
    millis = sum(int(count) * unit for count, unit in counts if count)
    if millis > _LONGEST:
        raise ValueError(f"{text!r} is longer than 292 years")
    return millis / 1000


def length_text(seconds: float) -> str:
    """``1m30s`` of 90; what is below a millisecond is left out."""
    rest, text = round(seconds * 1_000_000) // 1000, ""
    for unit, millis in _MILLIS.items():
        if unit in _WHOLE and rest % millis:
            continue
        count, rest = divmod(rest, millis)
        text += f"{count}{unit}" if count else ""
    return text or "0s"
