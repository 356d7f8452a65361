"""What families are described as, gathered until it is sent: remote write 1.0 sends it apart.

A batch may have only some targets, those that were scraped since the last one. So what all batches
said since metadata was sent last goes with the next sending, each description once, as Prometheus
has it: targets that describe a name differently are each heard.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

from otel_kubecost.exporters.series.model import Family, Type

_Described: TypeAlias = tuple[str, Type, str, str]


class Metadata:
    """Descriptions of families, without their series."""

    def __init__(self) -> None:
        self._found: dict[_Described, Family] = {}

    def add(self, families: Iterable[Family]) -> None:
        for family in families:
            key = (family.heading, family.type, family.help, family.unit)
            if key not in self._found and _says_something(family):
                self._found[key] = replace(family, series=())

    def take(self) -> list[Family]:
        """What was gathered since the last time."""
        found, self._found = self._found, {}
        return list(found.values())


def _says_something(family: Family) -> bool:
    return family.type is not Type.UNKNOWN or bool(family.help or family.unit)
