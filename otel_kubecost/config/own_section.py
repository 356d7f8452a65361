"""Our section in a file of OpenTelemetry's declarative configuration. Pure.

    file_format: "1.1"
    meter_provider: {readers: [...]}
    otel_kubecost:
      receivers: {kubecost: {...}}

Its schema leaves other sections to whoever they are of. In this one the whole configuration stands,
and it is read as in a file of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from otel_kubecost.config.tree import Node
from otel_kubecost.errors import Problem

SECTION = "otel_kubecost"


def entry(root: Node, key: str) -> Node | None:
    return root.value.get(key) if isinstance(root.value, dict) else None


def is_declarative(root: Node) -> bool:
    """Whether a file is OpenTelemetry's and not ours: that key is required there."""
    return entry(root, "file_format") is not None


def of_section(problems: Iterable[Problem]) -> list[Problem]:
    """Those of ``problems`` that are in the section, as seen from there."""
    inside = f"{SECTION}."
    return [
        replace(problem, path=problem.path.removeprefix(inside))
        for problem in problems
        if f"{problem.path}.".startswith(inside)
    ]
