"""The lines that describe a family: HELP, TYPE and UNIT."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.exposition.escapes import unescaped
from otel_kubecost.receivers.prometheus.exposition.parts import Comment
from otel_kubecost.receivers.prometheus.exposition.refusal import quoted, refused


class Dialect(NamedTuple):
    """In what the descriptions of two formats differ."""

    types: frozenset[str]
    unescaped_help: Callable[[str], str]


def described(line: bytes, keyword: bytes, family: bytes, text: bytes, dialect: Dialect) -> Comment:
    """What ``line`` says of ``family``, which may stand in quotes; ``text`` is the rest of it."""
    if not family:
        raise refused(line, f"{keyword.decode()} needs the name of a metric")
    name, said = _decoded(line, family), _decoded(line, text)
    if name.startswith('"'):
        name = unescaped(name[1:-1])
    if keyword == b"HELP":
        return Comment("help", name, dialect.unescaped_help(said))
    if keyword == b"TYPE":
        if said not in dialect.types:
            raise refused(line, f"this format has no type {quoted(text)}")
        return Comment("type", name, said)
    if said and not name.endswith(f"_{said}"):
        raise refused(line, f"the name does not end in the unit {quoted(text)}")
    return Comment("unit", name, said)


def _decoded(line: bytes, text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise refused(line, "it is not UTF-8") from None
