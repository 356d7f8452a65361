"""Reads the hand-written expectations of ``testcases/recorded`` (its README has the format)."""

from __future__ import annotations

import ast
import operator
import re
import socket
from pathlib import Path

RECORDED = Path(__file__).parents[1] / "testcases" / "recorded"
CASES = sorted(path.name for path in RECORDED.iterdir() if path.is_dir())

_LINE = re.compile(r"(?P<name>\w+)\{(?P<labels>[^}]*)\} (?P<value>.+)")
_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}

ANY = None
"""A value that differs from run to run."""


def expected(case: str) -> dict[frozenset[tuple[str, str]], float | None]:
    """Values by label set, ``__name__`` among the labels; ``ANY`` where it is not given."""
    text = (RECORDED / case / "expected.prom").read_text()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(map(_sample, lines))


def _sample(line: str) -> tuple[frozenset[tuple[str, str]], float | None]:
    match = _LINE.fullmatch(line)
    assert match, line
    labels = re.findall(r'(\w+)="([^"]*)"', match["labels"].replace("$HOST", socket.gethostname()))
    value = ANY if match["value"] == "*" else _evaluate(ast.parse(match["value"], mode="eval").body)
    return frozenset([("__name__", match["name"]), *labels]), value


def _evaluate(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=number):
            return number
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_evaluate(left), _evaluate(right))
    raise ValueError(f"not arithmetic: {ast.unparse(node)}")


def assert_samples(found, wanted) -> None:
    """Equal label sets, and values equal within what a different order of rounding can change."""
    assert set(found) == set(wanted)
    for labels, value in wanted.items():
        if value is not ANY:
            assert abs(found[labels] - value) <= 1e-12 * max(1.0, abs(value)), sorted(labels)
