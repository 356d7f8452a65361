"""Names whose modules are imported when one asks for them.

    OnDemand({"run": "otel_kubecost.cli.run:run"})["run"]

What an import takes, memory above all, is then taken by those alone who use it. Which names there
are, and whether one is among them, imports nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TypeVar

T = TypeVar("T")


class OnDemand(Mapping[str, T]):
    """By name, what is at ``module:attribute``: written as the value of an entry point is."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __getitem__(self, name: str) -> T:
        module, _, attribute = self._places[name].partition(":")
        found: T = getattr(import_module(module), attribute)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
