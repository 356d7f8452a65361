"""What every discovery gives: groups of targets as they were found, before relabelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol


class TargetGroup(NamedTuple):
    """Targets that were found together."""

    source: str
    """Where, as ``pod/monitoring/node-exporter-x7k2p``; it stays when the targets change."""
    targets: tuple[Mapping[str, str], ...]
    """Labels of each; ``__address__`` is among them."""
    labels: Mapping[str, str]
    """Of all of them; a target's own go first."""


class Discovery(Protocol):
    """Knows the targets of one entry of a job's ``*_configs``, and keeps up with them."""

    def start(self) -> None:
        """Begin to look; returns at once."""
        ...

    def shutdown(self) -> None:
        """Stop looking. Safe without ``start``, and twice."""
        ...

    def groups(self) -> Sequence[TargetGroup]:
        """What is known now, and the same object as before where nothing has changed.

        Returns at once, on any thread.
        """
        ...

    @property
    def failure(self) -> str | None:
        """Why what is known may be old or nothing; None while all is well."""
        ...
