"""Disks that are full, read-only or broken, mounted for a test, and files that were damaged."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import pytest

BLOCK = 4096


class Disk:
    """A small file system of its own at ``path`` while the context lasts; needs root."""

    def __init__(self, path: Path, size: str = "1m") -> None:
        self.path = path
        self._options = f"size={size}"
        self._filling = path / "something else"

    def __enter__(self) -> Disk:
        if os.geteuid():
            pytest.skip("root may mount something")
        self.path.mkdir(parents=True)
        made = mount("-t", "tmpfs", "-o", self._options, "none", str(self.path))
        if made.returncode:
            pytest.skip("nothing can be mounted here")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", self.path], check=True)

    def fill(self) -> None:
        """To the last byte."""
        with self._filling.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(BLOCK))

    def clear(self) -> None:
        self._filling.unlink()

    def remount(self, option: str) -> None:
        """``ro`` or ``rw``; no file on it may be open for writing."""
        mount("-o", f"remount,{option}", str(self.path)).check_returncode()


class BrokenDisk:
    """A file system in a file that turns read-only when it is told to, as after an error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._image = path.with_suffix(".image")

    def __enter__(self) -> BrokenDisk:
        if os.geteuid() or not shutil.which("mkfs.ext4"):
            pytest.skip("no file system can be made here")
        self._image.write_bytes(bytes(2**24))
        subprocess.run(["mkfs.ext4", "-q", self._image], check=True)
        self.path.mkdir()
        made = mount("-o", "loop,errors=remount-ro", str(self._image), str(self.path))
        if made.returncode or not self._trigger.exists():
            pytest.skip("no loop device can be mounted here")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", self.path], check=True)

    @property
    def _trigger(self) -> Path:
        found = subprocess.run(
            ["findmnt", "-no", "SOURCE", self.path], capture_output=True, text=True, check=True
        )
        return Path("/sys/fs/ext4", Path(found.stdout.strip()).name, "trigger_fs_error")

    def fail(self) -> None:
        """From now on the kernel writes nothing to it."""
        self._trigger.write_text("a test")

    def exchange(self) -> None:
        """Mount a copy in its place."""
        subprocess.run(["umount", "--lazy", self.path], check=True)
        copy = self._image.with_suffix(".copy")
        copy.write_bytes(self._image.read_bytes())
        self._image = copy
        subprocess.run(["fsck.ext4", "-py", copy], check=False, capture_output=True)
        mount("-o", "loop,errors=remount-ro", str(copy), str(self.path)).check_returncode()


def mount(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False)


def settle(path: Path) -> None:
    """Move all that is in the log into the file, and let whoever has it open read it again."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def flip(path: Path, at: int) -> None:
    """One bit."""
    with path.open("r+b") as file:
        file.seek(at)
        (byte,) = file.read(1)
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def page_size(path: Path) -> int:
    """As the file itself says (sqlite.org/fileformat2.html, 1.3.2)."""
    return int.from_bytes(path.read_bytes()[16:18])


def overwrite(path: Path, at: int, size: int | None = None) -> None:
    """So many bytes; a page where it is not said."""
    size = size or page_size(path)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xa5" * size)


def page_of(path: Path, content: bytes) -> int:
    """Where the page begins that has it."""
    found = path.read_bytes().index(content)
    return found - found % page_size(path)


def root_page(path: Path, name: str) -> int:
    """Where the first page of a table or an index begins."""
    with closing(sqlite3.connect(path)) as connection:
        statement = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        ((number,),) = connection.execute(statement, [name]).fetchall()
    return (number - 1) * page_size(path)
