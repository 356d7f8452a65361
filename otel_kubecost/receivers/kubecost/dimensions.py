"""Levels that costs are grouped by, and the fewest queries that answer them. Pure.

    levels cluster, namespace           cluster,namespace
    levels pod, node, label:team        cluster,namespace,pod,node,label:team

One query by several dimensions answers every level that has some of them: the rows of a level are
the sums of the rows that agree in its dimensions. The namespaces have a query of their own all the
same: the totals that people pay by are summed from few rows, each rounded by Kubecost to five
decimals, and the finer answer can be held against them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from otel_kubecost.attributes import (
    CONTROLLER,
    CONTROLLER_KIND,
    KEY,
    NAMESPACE,
    NODE,
    POD,
    VALUE,
)

CLUSTER = "cluster"

_PLAIN = {
    "cluster": (),
    "namespace": ("namespace",),
    "controller": ("namespace", "controllerKind", "controller"),
    "pod": ("namespace", "pod"),
    "node": ("node",),
}
"""Dimensions that name an object of a level within its cluster."""
_BY_VALUE = ("label", "annotation")
LEVEL_NAMES = tuple(_PLAIN)
"""Levels without a key."""
LEVEL_PATTERN = rf"^\s*(?:{'|'.join(_PLAIN)}|(?:{'|'.join(_BY_VALUE)}):.*\S.*)\s*$"
"""What a level looks like, for JSON Schemas."""
_ORDER = ("namespace", "controllerKind", "controller", "pod", "node")

ATTRIBUTES = {
    "namespace": (NAMESPACE,),
    "controller": (NAMESPACE, CONTROLLER_KIND, CONTROLLER),
    "pod": (NAMESPACE, POD),
    "node": (NODE,),
    "label": (KEY, VALUE),
    "annotation": (KEY, VALUE),
}
"""Keys of the attributes that name an object of a level."""


@dataclass(frozen=True, slots=True)
class Level:
    """``cluster``, ``namespace``, ``controller``, ``pod``, ``node``, ``label``, ``annotation``."""

    name: str
    """The level's word in metric names."""
    key: str = ""
    """Name of the label or annotation, as it is written in Kubernetes."""

    @classmethod
    def parse(cls, text: str) -> Level:
        """Raises ValueError for what is no level."""
        name, colon, key = text.strip().partition(":")
        if name in _BY_VALUE and key.strip():
            return cls(name, key.strip())
        if name in _PLAIN and not colon:
            return cls(name)
        known = ", ".join([*_PLAIN, *(f"{kind}:<name>" for kind in _BY_VALUE)])
        raise ValueError(f"{text!r} is not a level; there are {known}")

    def __str__(self) -> str:
        return f"{self.name}:{self.key}" if self.key else self.name

    @property
    def dimensions(self) -> tuple[str, ...]:
        return (f"{self.name}:{sanitised(self.key)}",) if self.key else _PLAIN[self.name]


class Query(NamedTuple):
    """What is asked for at once."""

    dimensions: tuple[str, ...]
    """Cluster first: names are unique within a cluster only."""
    levels: tuple[Level, ...]

    def positions(self, level: Level) -> tuple[int, ...]:
        """Where ``level``'s dimensions stand behind the cluster."""
        return tuple(self.dimensions.index(one) - 1 for one in level.dimensions)


_BY_NODE = (Level("namespace"), Level("node"))
"""What tells of each namespace's rows on which node they ran."""


def queries(levels: Iterable[Level], *, by_node: bool = False) -> list[Query]:
    """The queries for ``levels``: of the namespaces first, then one for all else.

    ``by_node``: the rows of all else are apart by node too, and there is such a query also where
    no level needs one. The value of an annotation may have slashes, as the key of a row has
    between its parts. It is therefore the last dimension, and there is one in a query.
    """
    wanted = list(dict.fromkeys(levels))
    coarse = [level for level in wanted if level.name in {"cluster", "namespace"}]
    fine = [level for level in wanted if level not in coarse]
    annotations = [level for level in fine if level.name == "annotation"]
    apart = annotations[1:]
    together = [level for level in fine if level not in apart]
    groups = [together, *([one] for one in apart)]
    first = [Query((CLUSTER, "namespace"), tuple(coarse))] if coarse else []
    more = _BY_NODE if by_node else ()
    return first + [
        Query(_dimensions([*group, *more]), tuple(group)) for group in groups if group or more
    ]


def _dimensions(levels: Sequence[Level]) -> tuple[str, ...]:
    named = {one for level in levels for one in level.dimensions}
    plain = [one for one in _ORDER if one in named]
    labels = [level.dimensions[0] for level in levels if level.name == "label"]
    annotations = [level.dimensions[0] for level in levels if level.name == "annotation"]
    return tuple(dict.fromkeys([CLUSTER, *plain, *labels, *annotations]))


def sanitised(name: str) -> str:
    """A label's name as Kubecost has it: under any other, all is ``__unallocated__``.

    opencost issues 2753 and 2817.
    """
    return re.sub("[^a-zA-Z0-9_]", "_", name)
