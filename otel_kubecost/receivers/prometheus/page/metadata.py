"""What the comments of a page say of its families, and which family a series belongs to.

As in Prometheus, comments may stand anywhere, the last one wins, and a series that relabelling has
renamed belongs to whatever family has its new name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from otel_kubecost.pdata import ExpositionType
from otel_kubecost.receivers.prometheus.exposition import Comment

_SUFFIXES: Mapping[ExpositionType, tuple[str, ...]] = {
    ExpositionType.COUNTER: ("_total", "_created"),
    ExpositionType.HISTOGRAM: ("_bucket", "_sum", "_count", "_created"),
    ExpositionType.GAUGE_HISTOGRAM: ("_bucket", "_gsum", "_gcount"),
    ExpositionType.SUMMARY: ("_sum", "_count", "_created"),
    ExpositionType.INFO: ("_info",),
}
_ALL_SUFFIXES = frozenset(suffix for some in _SUFFIXES.values() for suffix in some)


@dataclass(frozen=True, slots=True)
class Family:
    """What the page says of one; ``name`` is what it calls it."""

    name: str
    type: ExpositionType = ExpositionType.UNKNOWN
    help: str = ""
    unit: str = ""


class Description(NamedTuple):
    """What the comments of a block say."""

    comments: Sequence[Comment]
    families: Mapping[str, Family]
    """The same by name, where nothing else is said."""


def description(comments: Iterable[Comment | None]) -> Description:
    """Of ``comments``; None is one for people."""
    said = tuple(comment for comment in comments if comment is not None)
    families: dict[str, Family] = {}
    for comment in said:
        _say(comment, families)
    return Description(said, families)


def _say(comment: Comment, families: dict[str, Family]) -> None:
    kind, name, text = comment
    known = families.get(name) or Family(name)
    match kind:
        case "type":
            known = replace(known, type=_type(text))
        case "help":
            known = replace(known, help=text)
        case "unit":
            known = replace(known, unit=text)
    families[name] = known


def _type(word: str) -> ExpositionType:
    return ExpositionType.UNKNOWN if word == "untyped" else ExpositionType(word)


class Families:
    """Those of one page."""

    def __init__(self) -> None:
        self._found: dict[str, Family] = {}

    def add(self, said: Description) -> None:
        if self._found.keys().isdisjoint(said.families):
            self._found.update(said.families)
            return
        for comment in said.comments:
            _say(comment, self._found)

    def of(self, series: str) -> tuple[Family, str]:
        """The family of the series called so, and what its name has behind the family's."""
        known = self._found.get(series)
        if known is not None:
            return known, ""
        stem, mark, last = series.rpartition("_")
        suffix = mark + last
        if suffix in _ALL_SUFFIXES:
            known = self._found.get(stem)
            if known is not None and suffix in _SUFFIXES.get(known.type, ()):
                return known, suffix
        return Family(series), ""
