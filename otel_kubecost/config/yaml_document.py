"""One YAML document, read into a tree.

Every scalar stays the text that was written, whatever YAML would make of it (``1e5``, ``0123``,
``no``, ``12:30:45``): the option it is for decides what it means, so an account id of digits is
never a number on the way. Only a value that is not there (nothing, ``~``, ``null``) is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import reduce
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from otel_kubecost.config.option_fields import Path
from otel_kubecost.config.problems import Finding
from otel_kubecost.config.tree import Node, block_node, list_node
from otel_kubecost.errors import ConfigError, Location, Problem

_MAX_VALUES = 20_000
"""Of one file with its aliases written out: aliases of aliases cannot fill the memory."""

_MAX_DEPTH = 64


class Document:
    """Read from the parser's events, which know no types, so that no scalar loses its spelling.

    Mistakes that leave the rest readable go to ``problems``; others raise ConfigError. No message
    quotes the document: a password that YAML stumbles over must not end in a log. The
    parser's classes are not typed, hence Any.
    """

    def __init__(self, text: str, name: str, problems: list[Problem]) -> None:
        self._name = name
        self._problems = problems
        self._anchors: dict[str, Node] = {}
        self._events = self._parse(text)

    def root(self, path: Path = ()) -> Node:
        """The tree. ``path`` is where it hangs in the whole configuration."""
        root: Node | None = None
        for event in self._events:
            if not isinstance(event, NodeEvent):
                continue
            if root is not None:
                self._refuse(event, "holds a second document", "give two files, each by --config")
            root = self._node(event, path)
        return root or Node(None, Location(self._name))

    def _parse(self, text: str) -> Iterator[Any]:
        try:
            yield from YAML(typ="safe", pure=True).parse(text)
        except MarkedYAMLError as error:
            message, hint = _in_words(f"{error.context} {error.problem}")
            is_open = re.search("quoted|flow", str(error.context))
            mark = error.context_mark if is_open else error.problem_mark
            raise ConfigError([Problem(self._name, message, hint, self._at(mark))]) from None
        except ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            message = f"holds a control character in line {line}"
            raise ConfigError.at(self._name, message, "remove it") from None
        except (ValueError, OverflowError):  # the parser's chr() of an escape beyond U+10FFFF
            message = "holds an escape in double quotes that is no character"
            raise ConfigError.at(self._name, message, "look for \\U") from None

    def _node(self, event: Any, path: Path) -> Node:
        if len(path) > _MAX_DEPTH:
            self._refuse(event, f"is nested more than {_MAX_DEPTH} deep", "check the brackets")
        if isinstance(event, AliasEvent):
            return self._aliased(event, path)
        if event.tag not in _TAGS:
            self._report(event, path, "begins with `!`, which is a YAML tag", _QUOTE)
        node = self._built(event, path)
        if node.size > _MAX_VALUES:
            self._refuse(
                event, f"holds more than {_MAX_VALUES} values", "write less, or use fewer aliases"
            )
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _built(self, event: Any, path: Path) -> Node:
        location = self._at(event.start_mark)
        if isinstance(event, MappingStartEvent):
            return block_node(self._entries(path), location)
        if isinstance(event, SequenceStartEvent):
            return list_node(self._items(path), location)
        is_null = event.style is None and event.tag is None and event.value in _NULLS
        return Node(None if is_null else self._whole(event, path), location)

    def _whole(self, event: Any, path: Path) -> str:
        """The text of a scalar. JSON writes some characters as two escapes, halves of one."""
        halves = event.value.encode("utf-16", "surrogatepass")
        try:
            return str(halves.decode("utf-16"))
        except UnicodeDecodeError:
            self._report(event, path, "holds half a character", "write it without `\\u`")
            return ""

    def _aliased(self, event: Any, path: Path) -> Node:
        if event.anchor not in self._anchors:
            self._report(event, path, "begins with `*`, which is a YAML alias", _QUOTE)
            return Node("*", self._at(event.start_mark))
        return self._anchors[event.anchor]

    def _items(self, path: Path) -> list[Node]:
        items: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            item = self._node(event, (*path, len(items)))
            items.append(replace(item, location=self._at(event.start_mark)))
        return items

    def _entries(self, path: Path) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        inherited: dict[str, Node] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            key = self._key(event)
            node = self._node(next(self._events), (*path, key))
            if key == "<<" and event.style is None:
                inherited |= _mixed_in(node)
                continue
            if key in entries:
                also = f"keep one; the other is at {entries[key].location}"
                self._report(event, (*path, key), "is written twice", also)
            entries[key] = replace(node, location=self._at(event.start_mark))
        return inherited | entries

    def _key(self, event: Any) -> str:
        if not isinstance(event, ScalarEvent):
            self._refuse(event, "has a key that is not text", "write `key: value`")
        return str(event.value)

    def _at(self, mark: Any) -> Location:
        return Location(self._name, mark.line + 1, mark.column + 1)

    def _report(self, event: Any, path: Path, message: str, hint: str) -> None:
        location = self._at(event.start_mark)
        self._problems.append(Finding(path, message, hint).problem(location))

    def _refuse(self, event: Any, message: str, hint: str) -> NoReturn:
        raise ConfigError([Problem(self._name, message, hint, self._at(event.start_mark))])


def _mixed_in(node: Node) -> dict[str, Node]:
    """The entries that ``<<: *base`` or ``<<: [*first, *second]`` brings; the first wins."""
    if isinstance(node.value, list):
        return reduce(lambda found, each: _mixed_in(each) | found, node.value, {})
    return node.value if isinstance(node.value, dict) else {}


_QUOTE = "put the text in quotes"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_TAGS = {None, "!"} | {
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
}
"""What a value may be tagged with; the option decides its type all the same."""


_YAML_MISTAKES = (
    (r"found character '\\t'", "a tab where YAML takes spaces", "indent with spaces"),
    (
        "cannot start any token",
        "a value begins with a character that YAML keeps for itself",
        "put the value in quotes",
    ),
    (
        "mapping values are not allowed",
        "a `:` where no key can stand",
        "indent the line as those around it, or put the text in quotes",
    ),
    (
        "could not find expected ':'",
        "a line without `:` where a key should stand",
        "write `key: value`",
    ),
    ("quoted scalar.*end of stream", "a quotation mark that is never closed", "close it"),
    (r"but got '\{'", "a `{` within brackets", "put the text in quotes, as in '${env:NAME}'"),
    ("flow (sequence|mapping)", "a bracket that is never closed", "close it with ] or }"),
    (
        "sequence entries are not allowed",
        "a list item on the line of its key",
        "begin the item on its own line",
    ),
    ("escape", "an unknown escape in double quotes", "use single quotes, or double the backslash"),
    (r"\btag\b", "a value begins with `!`, which is a YAML tag", "put the value in quotes"),
    (
        "expected <block end>",
        "a line that does not continue what stands above",
        "indent it as the lines it belongs to",
    ),
)


def _in_words(complaint: str) -> tuple[str, str]:
    """Message and remedy for what the YAML parser says; its words can quote the document."""
    for pattern, message, hint in _YAML_MISTAKES:
        if re.search(pattern, complaint):
            return f"is not valid YAML: {message}", hint
    return "is not valid YAML from here on", "check quotes, brackets and indentation"
