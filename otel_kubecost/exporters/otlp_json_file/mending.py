"""Deals with a line that was cut off when a process was killed [I/O]."""

from __future__ import annotations

import os
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
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LONGEST))
        rest = file.read().rpartition(b"\n")[2]
        if not rest:
            return
        if _is_ours(rest):
            file.seek(size - len(rest))
            file.write(b" " * (len(rest) - 1))
        file.write(b"\n")
        file.flush()
        os.fsync(file.fileno())
    _log.warning(
        f"{path} ended in the middle of a line, as after a kill",
        path=str(path),
        hint="what stood there comes again where the receiver has history",
    )


def _is_ours(rest: bytes) -> bool:
    """After a loss of power zeros may stand where nothing was written yet."""
    text = rest.rstrip(b"\0")
    return text.startswith(OPENING) or OPENING.startswith(text)
