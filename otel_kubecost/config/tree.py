"""A configuration as a tree, and as plain data: either way with the place where each part stands.

Pure. Trees are what files are read into and what merges; the ``ConfMap`` is what is left once the
files are one and every reference in a text is filled in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from otel_kubecost.config.option_fields import Path
from otel_kubecost.config.problems import Finding
from otel_kubecost.errors import NOWHERE, Location, Problem

Value: TypeAlias = "str | list[Node] | dict[str, Node] | None"


@dataclass(frozen=True, slots=True)
class Node:
    value: Value
    location: Location
    """Of the key or the list item."""
    size: int = 1
    """Values in it, itself included, a shared one as often as it appears."""


def list_node(items: list[Node], location: Location) -> Node:
    return Node(items, location, 1 + sum(item.size for item in items))


def block_node(entries: dict[str, Node], location: Location) -> Node:
    return Node(entries, location, 1 + sum(entry.size for entry in entries.values()))


def merged(base: Node, over: Node) -> Node:
    """``over`` on top of ``base``: blocks merge key by key, anything else is replaced."""
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    entries = dict(base.value)
    for key, entry in over.value.items():
        entries[key] = merged(entries[key], entry) if key in entries else entry
    return block_node(entries, base.location or over.location)


@dataclass(frozen=True, slots=True)
class ConfMap:
    """Blocks, lists, text and None, and where each of them was written."""

    data: Mapping[str, Any] = field(repr=False)
    locations: Mapping[Path, Location] = field(default_factory=dict, repr=False)
    """Of keys and list items."""
    names: Mapping[Path, str] = field(default_factory=dict, repr=False)
    """What the user calls a place where that is not its path: an environment variable."""
    problems: tuple[Problem, ...] = ()
    """What went wrong on the way here; whoever uses ``data`` has to report it."""

    @classmethod
    def of(
        cls, root: Node, fill_in: Callable[[str, Path, Location], str], problems: list[Problem]
    ) -> ConfMap:
        """The plain data of a tree.

        ``fill_in`` turns each text, given its path and location, into what it stands for; it may
        add to ``problems``.
        """
        locations: dict[Path, Location] = {}

        def plain(node: Node, path: Path) -> Any:
            locations[path] = node.location
            match node.value:
                case None:
                    return None
                case str(text):
                    return fill_in(text, path, node.location)
                case list(items):
                    return [plain(item, (*path, index)) for index, item in enumerate(items)]
                case entries:
                    return {key: plain(entry, (*path, key)) for key, entry in entries.items()}

        data = plain(root, ())
        return cls(data, locations, problems=tuple(problems))

    def problem(self, found: Finding) -> Problem:
        return found.problem(self.locate(found.path), self.names.get(found.path, ""))

    def locate(self, path: Path) -> Location:
        """Where ``path`` is written, or the nearest block around it."""
        around = (path[:end] for end in range(len(path), -1, -1))
        places = (self.locations[part] for part in around if part in self.locations)
        return next(places, NOWHERE)
