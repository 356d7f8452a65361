"""What a file has in it, and how it gets there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

Row: TypeAlias = tuple[Any, ...]
Statement: TypeAlias = tuple[str, Sequence[Any]]


class Schema(NamedTuple):
    """The tables of one kind of file."""

    version: int
    """Kept in the file; one that is newer is not touched."""
    tables: Sequence[str]
    """Statements that make what is not there, and write nothing where all is."""
    rescued: Callable[[Path], Iterable[Statement]]
    """What can be read of a damaged file, as what writes it to a new one."""
    page: int = 4096
    """Bytes of a page of a new file."""
