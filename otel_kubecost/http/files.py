"""Files that change under a running process: secrets and certificates that are rotated."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import NamedTuple

from otel_kubecost.http.failure import FailureKind, HTTPFailure
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)


class FileStamp(NamedTuple):
    """Differs when a file's content was replaced, or who may read it."""

    device: int
    inode: int
    size: int
    modified: int
    """In nanoseconds."""
    mode: int


def file_stamp(option: str, path: Path) -> FileStamp:
    """The stamp of what ``path`` leads to; a Kubernetes secret is a symlink that is moved.

    Raises HTTPFailure, which names ``option``, where there is nothing to read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(option, path, error) from None
    return FileStamp(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode
    )


def warn_if_open_to_all(option: str, path: Path, stamp: FileStamp) -> None:
    """Say of a secret that every user may read it, as in a Kubernetes volume without a mode."""
    if stamp.mode & stat.S_IROTH:
        _log.warning(
            f"The file {path} of {option} can be read by every user of this machine",
            hint="chmod o-r; in a volume of Kubernetes defaultMode: 0440 and fsGroup",
        )


def unreadable(option: str, path: Path, error: OSError) -> HTTPFailure:
    reason = error.strerror or type(error).__name__
    hint = "check the path and the permissions of the file"
    what = f"the file {path} of {option} cannot be read: {reason}"
    return HTTPFailure(FailureKind.UNREADABLE, what, hint)
