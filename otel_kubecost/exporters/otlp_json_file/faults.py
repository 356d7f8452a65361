"""What goes wrong with the file, as an OSError that says the remedy."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})

_OPTION = "exporters.otlp_json_file.path"
_WRITABLE = f"let this process write there, or name another file in {_OPTION}"


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Says of what the system raises which file it is, why it fails, and what to do."""
    try:
        yield
    except OSError as error:
        reason, remedy = _reason(error)
        sentence = f"{path} cannot be written to: {reason}; {remedy}"
        raise OSError(error.errno or errno.EIO, sentence) from None


def _reason(error: OSError) -> tuple[str, str]:
    if error.errno == errno.EAGAIN:
        return "another exporter writes to it", f"stop that one, or name another file in {_OPTION}"
    if error.errno in _NO_ROOM:
        return "the disk is full", "free some of it, or let rotation.max_backups keep fewer files"
    return error.strerror or str(error), _WRITABLE
