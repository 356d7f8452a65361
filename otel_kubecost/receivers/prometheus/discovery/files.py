"""Targets in files, which are read again when they change."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path
from typing import TypeAlias

from otel_kubecost.receivers.prometheus.discovery.file_content import (
    UnreadableError,
    groups_in,
)
from otel_kubecost.receivers.prometheus.discovery.groups import TargetGroup
from otel_kubecost.receivers.prometheus.discovery.options import FileSDConfig
from otel_kubecost.telemetry import get_logger

_log = get_logger(__name__)

LOOK_INTERVAL = 5.0
"""Seconds between two looks at whether a file has changed."""

_Stamp: TypeAlias = tuple[int, int, int, int]
_Groups: TypeAlias = tuple[TargetGroup, ...]


class FileDiscovery:
    """The files of one entry of ``file_sd_configs``.

    A file that cannot be read, or not be understood, keeps the targets that it had.
    """

    def __init__(self, config: FileSDConfig, *, look_interval: float = LOOK_INTERVAL) -> None:
        self._patterns = config.files
        self._refresh_interval = config.refresh_interval
        self._look_interval = min(look_interval, config.refresh_interval)
        self._stamps: dict[str, _Stamp | None] = {}
        self._by_file: dict[str, _Groups] = {}
        self._failures: dict[str, str] = {}
        self._groups: _Groups = ()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def failure(self) -> str | None:
        return next(iter(self._failures.copy().values()), None)

    def start(self) -> None:
        """Read all files, then look at them every now and then. Twice is once."""
        if self._thread is None:
            self._look({})
            self._thread = threading.Thread(
                target=self._run, name="otel-kubecost-file-sd", daemon=True
            )
            self._thread.start()

    def shutdown(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def groups(self) -> Sequence[TargetGroup]:
        return self._groups

    def _run(self) -> None:
        looks = 0
        while not self._stop.wait(self._look_interval):
            looks += 1
            is_refresh = looks * self._look_interval >= self._refresh_interval
            looks = 0 if is_refresh else looks
            self._look({} if is_refresh else self._stamps)

    def _look(self, known: Mapping[str, _Stamp | None]) -> None:
        """Read what is not as it was ``known`` to be."""
        stamps = {path: _stamp(path) for path in self._paths()}
        for path, stamp in stamps.items():
            if path not in known or known[path] != stamp:
                self._read(path)
        self._stamps = stamps
        self._keep_only(stamps)

    def _paths(self) -> Iterator[str]:
        for pattern in self._patterns:
            yield from sorted(glob(pattern))  # noqa: PTH207  a pattern may be absolute

    def _read(self, path: str) -> None:
        try:
            self._by_file[path] = groups_in(path, Path(path).read_bytes())
        except (UnreadableError, OSError) as error:
            self._refuse(path, error)
        else:
            if self._failures.pop(path, None):
                _log.info(f"The targets in {path} are read again", file=path)

    def _refuse(self, path: str, error: Exception) -> None:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        failure = f"The targets in {path} cannot be read: {reason}"
        if self._failures.get(path) != failure:
            hint = "until it is mended, what it said before stands"
            _log.error(failure, file=path, hint=hint)
        self._failures[path] = failure

    def _keep_only(self, paths: Mapping[str, _Stamp | None]) -> None:
        """Forget files that are gone, and give out anew what has changed."""
        self._by_file = {path: self._by_file[path] for path in paths if path in self._by_file}
        self._failures = {path: text for path, text in self._failures.items() if path in paths}
        groups = tuple(group for path in self._by_file for group in self._by_file[path])
        if groups != self._groups:
            self._groups = groups


def _stamp(path: str) -> _Stamp | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
