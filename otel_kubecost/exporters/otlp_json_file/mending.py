"""Deals with a line that was cut off when a process was killed [I/O]."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from otel_kubecost.exporters.otlp_json_file.lines import LONGEST, OPENING
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


def mend(path: Path) -> None:
    """Whatever is appended to the file afterwards begins a line. Raises OSError.

    A part of a line is made blank, which needs no room and no reader minds. It is not cut away: a
    Collector that has read it goes on from there, in the middle of a later line (contrib#43693).
    An end that is none of ours is left as it is and closed.
    """
    with path.open("r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LONGEST))
        rest = file.read().rpartition(b"\n")[2]
        if not rest:
            return
        for place, text in overwriting(rest):
            file.seek(size - len(rest) + place)
            file.write(text)
        os.fsync(file.fileno())
    _log.warning(
        f"{path} ended in the middle of a line, as after a kill",
        path=str(path),
        hint="what stood there comes again where the receiver has history",
    )


def overwriting(rest: bytes) -> Iterator[tuple[int, bytes]]:
    """What is written where: the beginning last and from behind, so that a kill leaves one."""
    if not _is_ours(rest):
        yield len(rest), b"\n"
        return
    begun = min(len(OPENING), len(rest))
    yield begun, b" " * (len(rest) - begun)
    yield from ((at, b" ") for at in reversed(range(begun)))
    yield len(rest) - 1, b"\n"


def _is_ours(rest: bytes) -> bool:
    """Zeros stand, after a loss of power, where nothing was written yet, blanks after this."""
    text = rest.rstrip(b"\0 ")
    return text.startswith(OPENING) or OPENING.startswith(text)
