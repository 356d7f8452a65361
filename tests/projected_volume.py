"""A volume of Kubernetes with secrets in it, as the kubelet writes and renews it."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path


class ProjectedVolume:
    """``folder/NAME`` links to ``..data/NAME``, and ``..data`` to the present version.

    A new version is a folder of its own; ``..data`` is exchanged in one step and the old version
    removed (kubernetes, ``pkg/volume/util/atomic_writer.go``).
    """

    def __init__(self, folder: Path, files: Mapping[str, str | bytes], mode: int = 0o440) -> None:
        self._folder = folder
        self._mode = mode
        self._numbers = itertools.count()
        self._version: Path | None = None
        folder.mkdir()
        self.write(files)

    def __truediv__(self, name: str) -> Path:
        return self._folder / name

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Let the volume have ``files``, and no others."""
        old, self._version = self._version, self._folder / f"..version{next(self._numbers)}"
        self._version.mkdir()
        for name, content in files.items():
            path = self._version / name
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            path.chmod(self._mode)
            if not (self / name).is_symlink():
                (self / name).symlink_to(f"..data/{name}")
        (self / "..data_tmp").symlink_to(self._version.name)
        (self / "..data_tmp").rename(self / "..data")
        if old:
            shutil.rmtree(old)
