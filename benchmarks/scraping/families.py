"""Families of a page, written as client_golang writes them: numbers in Go's form, labels quoted."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

Thing = TypeVar("Thing")
"""What the series of a family are of: a pod, a node, a handler."""
Labels = Mapping[str, str]

_LARGE = 1e6
"""From here on Go's shortest form has an exponent; Python's has it from 1e16 on."""


class Course(NamedTuple):
    """How a value goes from one generation of a page to the next."""

    start: float
    step: float = 0.0
    """Added by each generation, as to counters."""
    swing: float = 0.0
    """Added in the odd generations, as to gauges."""

    @property
    def is_constant(self) -> bool:
        return not self.step and not self.swing

    def at(self, generation: int) -> float:
        return self.start + self.step * generation + self.swing * (generation & 1)


class Row(NamedTuple):
    """A series."""

    key: bytes
    """Name and labels, as they stand on the line."""
    course: Course
    lag: int | None = None
    """Milliseconds by which the line's own timestamp is behind; None: it has none."""
    pauses: bool = False
    """Measured every other generation only: between, the line is the same, its timestamp too."""


class Family(NamedTuple, Generic[Thing]):
    """What a page says of a name, and its series of one thing."""

    name: str
    help: str
    type: str
    rows: Callable[[Thing], Iterable[Row]]

    @property
    def head(self) -> bytes:
        return f"# HELP {self.name} {self.help}\n# TYPE {self.name} {self.type}\n".encode()


class Shown(Generic[Thing]):
    """Families on a page, of the things that are there now.

    Each family is in one piece with the series of all things, in the order of the things.
    """

    def __init__(self, families: Iterable[Family[Thing]], things: Iterable[Thing]) -> None:
        self.things = list(things)
        self._families = list(families)
        self._rows = [[list(family.rows(one)) for one in self.things] for family in self._families]

    def __len__(self) -> int:
        """The number of series."""
        return sum(len(rows) for family in self._rows for rows in family)

    def replace(self, place: int, thing: Thing) -> None:
        """Another thing instead of that one."""
        self.things[place] = thing
        for family, rows in zip(self._families, self._rows, strict=True):
            rows[place] = list(family.rows(thing))

    def lines(self, times: Times) -> Iterator[bytes]:
        """The text of one generation, in pieces."""
        for family, groups in zip(self._families, self._rows, strict=True):
            yield family.head
            yield from (line(row, times) for rows in groups for row in rows)


class Times(NamedTuple):
    """Which generation it is, and when it began; before it was another one. Milliseconds."""

    generation: int
    now: int
    before: int


def line(row: Row, times: Times) -> bytes:
    generation, now = times.generation, times.now
    if row.pauses and generation & 1:
        generation, now = generation - 1, times.before
    text = go_number(row.course.at(generation))
    if row.lag is None:
        return b"%b %b\n" % (row.key, text.encode())
    return b"%b %b %d\n" % (row.key, text.encode(), now - row.lag)


def key(name: str, labels: Labels) -> bytes:
    """``name{label="value",...}``."""
    pairs = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}".encode() if pairs else name.encode()


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def go_number(value: float) -> str:
    """The fewest digits that are the number, as Go's ``FormatFloat(value, 'g', -1, 64)``."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    if abs(value) < _LARGE:
        return repr(value).removesuffix(".0")
    digits, _, exponent = repr(value).partition("e")
    if exponent:
        return f"{digits.removesuffix('.0')}e{int(exponent):+03d}"
    sign = "-" if value < 0 else ""
    whole, _, part = digits.lstrip("-").partition(".")
    mantissa = (whole + part).rstrip("0")
    point = "." if len(mantissa) > 1 else ""
    return f"{sign}{mantissa[0]}{point}{mantissa[1:]}e+{len(whole) - 1:02d}"
