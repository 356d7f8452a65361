"""What was found, beside what is to be reached."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["times less", "times", "more", "at most"]
"""How ours stands to the peer's: peer / ours, ours / peer, ours - peer; or ours alone."""


class Goal(NamedTuple):
    kind: Kind
    limit: float | None
    """The least for ``times less``, else the most; None where nothing is to be reached."""


class Finding(NamedTuple):
    """A figure of ours, beside a peer's where there is one."""

    what: str
    unit: str
    ours: float
    peer: float | None
    goal: Goal

    @property
    def figure(self) -> float:
        """What the goal is about."""
        peer = self.peer or 0.0
        if self.goal.kind == "times less":
            return peer / self.ours
        if self.goal.kind == "times":
            return self.ours / peer
        return self.ours - peer

    @property
    def is_reached(self) -> bool | None:
        """None where nothing is to be reached."""
        if self.goal.limit is None:
            return None
        if self.goal.kind == "times less":
            return self.figure >= self.goal.limit
        return self.figure <= self.goal.limit

    def cells(self) -> list[str]:
        """What, ours, the peer's, how they stand, what is to be reached, whether it is."""
        unit = self.goal.kind if self.goal.kind.startswith("times") else self.unit
        sign = "≥" if self.goal.kind == "times less" else "≤"
        limit = self.goal.limit
        return [
            self.what,
            _with_unit(self.ours, self.unit),
            "" if self.peer is None else _with_unit(self.peer, self.unit),
            _with_unit(self.figure, unit),
            "" if limit is None else f"{sign} {limit:g}",
            {True: "reached", False: "**missed**", None: ""}[self.is_reached],
        ]


def _with_unit(number: float, unit: str) -> str:
    decimals = 0 if number == round(number) else max(0, 3 - len(str(round(abs(number)))))
    decimals = 3 if unit == "s" else decimals
    return f"{number:,.{decimals}f} {unit}".rstrip()
