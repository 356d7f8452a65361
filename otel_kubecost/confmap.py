"""Configuration files and the environment, read.

Nothing else in the package reads either, or knows YAML. Every scalar stays the text that was
written, whatever YAML would make of it (``1e5``, ``0123``, ``no``, ``12:30:45``): the option it is
for decides what it means, so an account id of digits is never a number on the way. Only a value
that is not there (nothing, ``~``, ``null``) is None.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import reduce
from itertools import chain
from pathlib import Path as FilePath
from typing import Any, NoReturn, TypeVar

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

from otel_kubecost.errors import ConfigError, Problem
from otel_kubecost.option_fields import Path
from otel_kubecost.options import Options
from otel_kubecost.problems import dotted, validate, yaml_mistake
from otel_kubecost.substitution import UnresolvedError, substitute
from otel_kubecost.tree import ConfMap, Node, block_node, confmap, list_node, merged

T = TypeVar("T", bound=Options)

MAX_BYTES = 1024 * 1024
"""Of one file."""

_MAX_VALUES = 20_000
"""Of one file with its aliases written out: aliases of aliases cannot fill the memory."""

_MAX_DEPTH = 64


def environment() -> Mapping[str, str]:
    """A copy of the process' environment."""
    return dict(os.environ)


def build_options(
    model: type[T],
    keywords: Mapping[str, Any],
    path: str = "",
    locate: Callable[[Path], str] | None = None,
) -> T:
    """An instance of ``model``. Raises ConfigError with every mistake in ``keywords``.

    ``path`` names the block in messages; ``locate`` gives the ``file:line:column`` of a path within
    the block.
    """
    options, findings = validate(model, keywords)
    if options is not None:
        return options
    raise ConfigError(
        Problem(
            f"{path}.{dotted(found.path)}".strip("."),
            found.message,
            found.hint,
            locate(found.path) if locate else "",
        )
        for found in findings
    )


def load_files(
    paths: Iterable[str | os.PathLike[str]],
    sets: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> ConfMap:
    """The files merged in their order, then ``sets`` (``a.b.c=value``), references filled in.

    Blocks merge, anything else is replaced by what comes later. Raises ConfigError where a file
    cannot be read at all; smaller mistakes are ``problems`` of the result.
    """
    environ = environment() if environ is None else environ
    problems: list[Problem] = []

    def fill_in(text: str, path: Path, location: str) -> str:
        filled, unresolved = substitute(text, environ, _read_text)
        problems.extend(Problem(dotted(path), e.message, e.hint, location) for e in unresolved)
        return filled

    return confmap(reduce(merged, _trees(paths, sets, problems)), fill_in, problems)


def _trees(
    paths: Iterable[str | os.PathLike[str]], sets: Iterable[str], problems: list[Problem]
) -> list[Node]:
    """One tree a file and one a ``--set``. Raises ConfigError for all that have none."""
    trees, refused = [block_node({}, "")], list[Problem]()
    files = ((_file_tree, os.fspath(path)) for path in paths)
    for read, text in chain(files, ((_set_tree, assignment) for assignment in sets)):
        try:
            trees.append(read(text, problems))
        except ConfigError as error:
            refused += error.problems
    if refused:
        raise ConfigError(refused)
    return trees


def _file_tree(path: str, problems: list[Problem]) -> Node:
    try:
        text = _read_text(path)
    except UnresolvedError as error:
        raise ConfigError.at(path, error.message, error.hint) from None
    root = _Document(text, path, problems).root()
    if root.value is None:
        raise ConfigError.at(path, "is empty", "write receivers, exporters and service")
    if not isinstance(root.value, dict):
        raise ConfigError.at(
            path, "is not a block of `key: value` lines", "begin with `receivers:`"
        )
    return root


def _set_tree(assignment: str, problems: list[Problem]) -> Node:
    key, equals, value = assignment.partition("=")
    name, path = f"--set {key}", tuple(key.split("."))
    if not equals or not all(path):
        raise ConfigError.at(name, "is not KEY=VALUE", "write --set receivers.kubecost.window=24h")
    node = replace(_Document(value, name, problems).root(path), location=name)
    return reduce(lambda inner, part: block_node({part: inner}, name), reversed(path), node)


def _read_text(path: str) -> str:
    """The text of a file. Raises UnresolvedError."""
    try:
        with FilePath(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UnresolvedError("does not exist", "check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise UnresolvedError(f"cannot be read ({reason})", "check path and permissions") from None
    if len(content) > MAX_BYTES:
        raise UnresolvedError("is larger than 1 MiB", "check that it is the right file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnresolvedError(f"is not UTF-8 text in line {line}", "save it as UTF-8") from None


class _Document:
    """One YAML document, read from its events so that no scalar loses its spelling.

    Mistakes that leave the rest readable go to ``problems``; others raise ConfigError. No message
    quotes the document: a password that YAML stumbles over must not end in a log. The events carry
    no types, hence Any.
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
        return root or Node(None, self._name)

    def _parse(self, text: str) -> Iterator[Any]:
        try:
            yield from YAML(typ="safe", pure=True).parse(text)
        except MarkedYAMLError as error:
            message, hint = yaml_mistake(f"{error.context} {error.problem}")
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

    def _at(self, mark: Any) -> str:
        return f"{self._name}:{mark.line + 1}:{mark.column + 1}"

    def _report(self, event: Any, path: Path, message: str, hint: str) -> None:
        self._problems.append(Problem(dotted(path), message, hint, self._at(event.start_mark)))

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
