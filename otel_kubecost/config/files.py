"""Configuration files: read, merged, their references filled in."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path as FilePath

from otel_kubecost.config.environment import environment
from otel_kubecost.config.option_fields import Path
from otel_kubecost.config.own_section import SECTION, entry, is_declarative, of_section
from otel_kubecost.config.problems import Finding
from otel_kubecost.config.substitution import UnresolvedError, substitute
from otel_kubecost.config.tree import ConfMap, Node, block_node, merged
from otel_kubecost.errors import NOWHERE, ConfigError, Location, Problem

MAX_BYTES = 1024 * 1024
"""Of one file."""


def load_files(
    paths: Iterable[str | os.PathLike[str]],
    sets: Iterable[str] = (),
    environ: Mapping[str, str] | None = None,
) -> ConfMap:
    """The files merged in their order, then ``sets`` (``a.b.c=value``), references filled in.

    Blocks merge, anything else is replaced by what comes later. Of a file of OpenTelemetry's
    declarative configuration it is our section that counts. Raises ConfigError where a file cannot
    be read at all; smaller mistakes are ``problems`` of the result.
    """
    environ = environment() if environ is None else environ
    problems: list[Problem] = []

    def fill_in(text: str, path: Path, location: Location) -> str:
        filled, unresolved = substitute(text, environ, _read_text)
        problems.extend(Finding(path, e.message, e.hint).problem(location) for e in unresolved)
        return filled

    return ConfMap.of(reduce(merged, _trees(paths, sets, problems)), fill_in, problems)


def own_section_runs(path: str, environ: Mapping[str, str] | None = None) -> bool:
    """Whether a declarative file has our section, and is not ``disabled``. Raises ConfigError."""
    root = _document(path, [])
    disabled = entry(root, "disabled")
    text = disabled.value if disabled and isinstance(disabled.value, str) else ""
    filled, _ = substitute(text, environment() if environ is None else environ, _read_text)
    return is_declarative(root) and bool(entry(root, SECTION)) and filled.lower() != "true"


def _trees(
    paths: Iterable[str | os.PathLike[str]], sets: Iterable[str], problems: list[Problem]
) -> list[Node]:
    """One tree a file and one a ``--set``. Raises ConfigError for all that have none."""
    trees, refused = [block_node({}, NOWHERE)], list[Problem]()
    files = [partial(_file_tree, os.fspath(path)) for path in paths]
    for read in [*files, *(partial(_set_tree, assignment) for assignment in sets)]:
        try:
            trees.append(read(problems))
        except ConfigError as error:
            refused += error.problems
    if refused:
        raise ConfigError(refused)
    return trees


def _file_tree(path: str, problems: list[Problem]) -> Node:
    found: list[Problem] = []
    root = _document(path, found)
    if is_declarative(root):
        section = entry(root, SECTION)
        if section is None:
            message = f"is OpenTelemetry's, and has no section {SECTION}"
            hint = f"write receivers, exporters and service under `{SECTION}:`"
            raise ConfigError.at(path, message, hint)
        root, found = section, of_section(found)
    problems += found
    if root.value is None:
        raise ConfigError.at(path, "is empty", "write receivers, exporters and service")
    if not isinstance(root.value, dict):
        raise ConfigError.at(
            path, "is not a block of `key: value` lines", "begin with `receivers:`"
        )
    return root


def _document(path: str, problems: list[Problem]) -> Node:
    try:
        text = _read_text(path)
    except UnresolvedError as error:
        raise ConfigError.at(path, error.message, error.hint) from None
    return _root(text, path, problems)


def _set_tree(assignment: str, problems: list[Problem]) -> Node:
    key, equals, value = assignment.partition("=")
    name, path = f"--set {key}", tuple(key.split("."))
    if not equals or not all(path):
        raise ConfigError.at(name, "is not KEY=VALUE", "write --set receivers.kubecost.window=24h")
    here = Location(name)
    node = replace(_root(value, name, problems, path), location=here)
    return reduce(lambda inner, part: block_node({part: inner}, here), reversed(path), node)


def _root(text: str, name: str, problems: list[Problem], at: Path = ()) -> Node:
    from otel_kubecost.config.yaml_document import Document  # noqa: PLC0415  2 MiB, for files alone

    return Document(text, name, problems).root(at)


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
