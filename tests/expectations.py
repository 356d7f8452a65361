"""Reads hand-written expectations: ``expected.prom`` in the folders of ``testcases``.

A line is a sample whose value is an arithmetic expression over the answer's own numbers, so that
it can be checked by reading: cost / hours. ``*`` is any number, ``$HOST`` the name of the host.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import socket
from pathlib import Path

RECORDED = Path(__file__).parent / "testcases" / "recorded"
CASES = sorted(
    path.parent.name for path in RECORDED.glob("*/expected.prom") if "$HOST" in path.read_text()
)
"""Recorded answers that also name what the agent says of itself: they go through the command."""

_LINE = re.compile(r"(?P<name>\w+)\{(?P<labels>.*)\} (?P<value>[^}]+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}

ANY = None
"""A value that differs from run to run."""


def expected(case: str) -> dict[frozenset[tuple[str, str]], float | None]:
    """What the folder ``case`` of the recorded answers expects."""
    return samples((RECORDED / case / "expected.prom").read_text())


def samples(text: str) -> dict[frozenset[tuple[str, str]], float | None]:
    """Values by label set, ``__name__`` among the labels; ``ANY`` where it is not given."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found = dict(map(_sample, lines))
    assert len(found) == len(lines), "a series stands there twice"
    return found


def _sample(line: str) -> tuple[frozenset[tuple[str, str]], float | None]:
    match = _LINE.fullmatch(line)
    assert match, line
    labels = _LABEL.findall(match["labels"].replace("$HOST", socket.gethostname()))
    value = ANY if match["value"] == "*" else _evaluate(ast.parse(match["value"], mode="eval").body)
    return frozenset([("__name__", match["name"]), *labels]), value


def _evaluate(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=number):
            return float(number)  # -0 is not 0
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_evaluate(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_evaluate(left), _evaluate(right))
    raise ValueError(f"not arithmetic: {ast.unparse(node)}")


def assert_samples(found, wanted) -> None:
    """Equal label sets, and values equal within what a different order of rounding can change."""
    differences = [f"unexpected: {_text(labels)}" for labels in found.keys() - wanted.keys()]
    differences += [f"missing: {_text(labels)}" for labels in wanted.keys() - found.keys()]
    differences += [
        f"{_text(labels)} is {found[labels]!r}, not {value!r}"
        for labels, value in wanted.items()
        if value is not ANY and labels in found and not _same(found[labels], value)
    ]
    assert not differences, "\n".join(sorted(differences))


def _same(found: float, value: float) -> bool:
    if value == 0:
        return found == 0 and math.copysign(1, found) == 1
    return math.isclose(found, value, rel_tol=1e-12)


def _text(labels: frozenset[tuple[str, str]]) -> str:
    others = ",".join(f'{name}="{value}"' for name, value in sorted(labels) if name != "__name__")
    return f"{dict(labels)['__name__']}{{{others}}}"
