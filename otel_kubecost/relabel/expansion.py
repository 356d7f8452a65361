"""Patterns whose groups fill in a template, as ``Expand`` of Go's regexp does.

    pattern  (?P<app>.*)-(.*)   text  shop-db7
    $1 and ${app}               shop
    $1_x                        nothing: the group is 1_x, for a name is as long as it can be
    ${1}_x                      shop_x
    $$1                         $1

What is no variable stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from otel_kubecost.config.options import Pattern

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<braced>\w+)\}|(?P<bare>\w+))")


class GroupPattern(Pattern):
    """A pattern that also says what its groups matched.

    It remembers the newest texts: label names and most values come again in every series, and a
    match takes longer than to look one up.
    """

    __slots__ = ("groups",)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.groups = lru_cache(maxsize=4096)(self._groups)
        """By number and by name what each group has of the text, which has to match as a whole;
        None where it does not. A group that took no part in the match has nothing, ``""``."""

    @property
    def names(self) -> set[str]:
        """Of all groups, also by their numbers; 0 is the whole text."""
        numbers = range(self._compiled.groups + 1)
        return {*self._compiled.groupindex, *map(str, numbers)}

    def _groups(self, text: str) -> Mapping[str, str] | None:
        match = self._compiled.fullmatch(text)
        if match is None:
            return None
        numbered = {str(number): part for number, part in enumerate((text, *match.groups()))}
        return {name: part or "" for name, part in (match.groupdict() | numbered).items()}


def expand(template: str, groups: Mapping[str, str]) -> str:
    """``template`` with its variables replaced; a group that is not there leaves nothing.

    A ``$`` that begins no variable stays.
    """
    return _VARIABLE.sub(lambda found: _value(found, groups), template)


def unknown_groups(template: str, pattern: GroupPattern) -> list[str]:
    """The variables of ``template`` that no text will ever fill in."""
    named = [found["braced"] or found["bare"] for found in _VARIABLE.finditer(template)]
    return [name for name in named if name and name not in pattern.names]


def _value(found: re.Match[str], groups: Mapping[str, str]) -> str:
    return "$" if found["dollar"] else groups.get(found["braced"] or found["bare"], "")


def _group_pattern(value: Any) -> GroupPattern:
    if isinstance(value, GroupPattern):
        return value
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a pattern; put it in quotes")  # noqa: TRY004  pydantic reports ValueError
    return GroupPattern(value)


GroupRegex = Annotated[
    GroupPattern,
    BeforeValidator(_group_pattern),
    PlainSerializer(lambda pattern: pattern.text, return_type=str),
    WithJsonSchema({"type": "string", "examples": ["(.*)-[0-9]+"]}),
]
