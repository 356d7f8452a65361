"""What a reader remembers of the lines of a block: which rows of which tables they are.

    page                          hashes  series   group "a"         group "b"
    a{pod="x"} 1                  h1      s1       row 0, line 0
    a{pod="y"} 2                  h2      s2       row 1, line 1
    dropped{pod="x"} 9            h3      0
    b{pod="x"} 3                  h4      s4                         row 0, line 3

``hashes`` are of the keys as the page has them, ``series`` of the labels in the end: two keys may
be of one series. Where the next page has the same keys in the same order, its values are put beside
the same tables, and nothing else is done.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from otel_kubecost.receivers.prometheus.page.tables import Labels


class GroupKey(NamedTuple):
    """Lines with the same one are points of one metric."""

    name: str
    is_apart: bool
    """Whether job or instance are not the target's own, and so stand among the labels."""
    is_timed: bool
    """Whether the page says their times."""
    repeat: int
    """How many lines above are of the same series."""


class Group(NamedTuple):
    key: GroupKey
    labels: Labels
    lines: Sequence[int]
    """Of each row the place of its line; a range where there is nothing between them."""
    has_bounds: bool = False
    """Whether each row has a number for ``le`` (of ``_bucket``) or ``quantile``."""


class Layout(NamedTuple):
    """Of the lines of a block; it never changes."""

    hashes: array[int]
    timed: bytes
    """1 for each line that says its time, 0 for each other; empty if none does."""
    series: array[int]
    """0 for a line that relabelling drops."""
    groups: tuple[Group, ...]
    repeats: Mapping[int, int] | None = None
    """Of each line whose series has one above, the place of the first; None if there are none."""

    @property
    def kept(self) -> int:
        """How many lines relabelling has left."""
        return sum(len(group.lines) for group in self.groups)

    def places(self) -> dict[int, int]:
        """By the hash of its key the (first) place of each line."""
        count = len(self.hashes)
        return dict(zip(reversed(self.hashes), range(count - 1, -1, -1), strict=True))


NO_LINES = Layout(array("q"), b"", array("q"), ())


def group_of(key: GroupKey, labels: Labels, places: Sequence[int]) -> Group:
    """``places``, ascending, are those of the lines of the rows of ``labels``."""
    bound = "le" if key.name.endswith("_bucket") else "quantile"
    return Group(key, labels, _smallest(places), _all_numbers(labels.values(bound)))


def _all_numbers(texts: Iterable[str]) -> bool:
    try:
        return bool([float(text) for text in texts])
    except ValueError:
        return False


def _smallest(places: Sequence[int]) -> Sequence[int]:
    """``places``, ascending, in the smallest form."""
    first, last = places[0], places[-1]
    return range(first, last + 1) if last - first == len(places) - 1 else array("I", places)
