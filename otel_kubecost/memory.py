"""How much memory the process has, and how much it may have. Linux; others do not tell.

``proc`` is the file system of proc(5), ``cgroups`` where those of cgroups(7) are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")


def resident_bytes(proc: Path = PROC) -> int:
    """What of this process is in the machine's memory. Raises OSError where nobody tells."""
    pages = int((proc / "self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def available_bytes(proc: Path = PROC, cgroups: Path = CGROUPS) -> int:
    """What this process may have: the machine's memory, or less where a cgroup has less.

    Raises OSError where nobody tells.
    """
    lines = (proc / "meminfo").read_text().splitlines()
    total = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:"))
    try:
        membership = (proc / "self/cgroup").read_text()
    except FileNotFoundError:  # a kernel without cgroups, or a sandbox that hides them
        return total
    return min([total, *_limits(membership, cgroups)])


def _limits(membership: str, cgroups: Path) -> Iterator[int]:
    """Of the process' cgroup and of those around it, by version 2 or 1."""
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _limits_of(cgroups, path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits_of(cgroups / "memory", path, "memory.limit_in_bytes")


def _limits_of(root: Path, path: str, file: str) -> Iterator[int]:
    """A container may see its own cgroup as the root, and a path that is not there."""
    inside = PurePosixPath(path.lstrip("/"))
    for directory in (inside, *inside.parents):
        try:
            text = (root / directory / file).read_text().strip()
        except OSError:
            continue
        if text.isdecimal():  # and not "max"
            yield int(text)
