"""Files that change under a running process: secrets and certificates that are rotated."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from otel_kubecost.http.failure import HTTPFailure

FileStamp: TypeAlias = tuple[int, int, int, int]
"""Device, inode, size and time of change: differs when a file's content was replaced."""


def file_stamp(path: Path) -> FileStamp:
    """The stamp of what ``path`` leads to; a Kubernetes secret is a symlink that is moved.

    Raises HTTPFailure where there is nothing to read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable("file", path, error) from None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def unreadable(option: str, path: Path, error: OSError) -> HTTPFailure:
    reason = error.strerror or type(error).__name__
    hint = "check the path and the permissions of the file"
    return HTTPFailure("other", f"{option} {path} cannot be read: {reason}", hint)
