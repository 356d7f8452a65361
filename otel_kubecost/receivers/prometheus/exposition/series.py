"""Name and labels of a series from the text of its key: alike in both formats."""

from __future__ import annotations

import re

from otel_kubecost.receivers.prometheus.exposition.escapes import unescaped
from otel_kubecost.receivers.prometheus.exposition.parts import Labels
from otel_kubecost.receivers.prometheus.exposition.refusal import refused

_ITEM = re.compile(
    r"""(?:([a-zA-Z_][a-zA-Z0-9_]*)|"((?:[^\\"]++|\\.)*+)")"""
    r"""[ \t]*(?:(=)[ \t]*"((?:[^\\"]++|\\.)*+)")?"""
)


def series_of(key: bytes) -> tuple[str, Labels]:
    """What a key says that has the grammar of its format.

    Raises ``ExpositionError`` if it is not UTF-8.
    """
    try:
        text = key.decode()
    except UnicodeDecodeError:
        raise refused(key, "its labels are not UTF-8") from None
    name, brace, labels = text.partition("{")
    return _named(name.rstrip(" \t"), _ITEM.findall(labels)) if brace else (name, ())


def _named(name: str, items: list[tuple[str, str, str, str]]) -> tuple[str, Labels]:
    """An item without ``=`` is the name."""
    labels = []
    for plain, in_quotes, equals, value in items:
        if equals:
            labels.append((plain or unescaped(in_quotes), unescaped(value)))
        else:
            name = unescaped(in_quotes)
    return name, tuple(labels)
