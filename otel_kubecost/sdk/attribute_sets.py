"""The attribute sets of one instrument: there are never more than a limit. Pure.

The SDK never lets go of an attribute set that an asynchronous instrument has shown, and puts all
beyond its limit (2000 as a rule) into one point in which the last value wins. So those that were
shown once are counted here for good, and who comes too late becomes part of a sum:

    namespace  pod         the pod itself, while there is room
    shop       __other__   else this one, of its namespace, for which room was kept
    __other__  __other__   else this one: its namespace came too late as well
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from otel_kubecost.attributes import CURRENCY, TENANT

AttributeSet: TypeAlias = tuple[tuple[str, str], ...]
"""Keys and values, the outermost object's first: cluster, namespace, pod."""

OTHER = "__other__"

_NEVER_FOLDED = frozenset({TENANT, CURRENCY})
"""Amounts of two currencies have no sum, and no account may see another one's."""
_KEPT = 0.1
"""The part of the limit that is for sums of namespaces that come later."""


class AttributeSets:
    """Those that an instrument has shown, with all that they can be folded into."""

    def __init__(self) -> None:
        self._known: set[AttributeSet] = set()

    def __len__(self) -> int:
        return len(self._known)

    def place(
        self, wanted: Iterable[AttributeSet], limit: int
    ) -> dict[AttributeSet, AttributeSet | None]:
        """For each of ``wanted``, most important first, the set that it is shown under.

        None where not even a sum of it fits: there are more accounts or currencies than ``limit``.
        """
        return {one: self._place(one, limit) for one in wanted}

    def _place(self, wanted: AttributeSet, limit: int) -> AttributeSet | None:
        for candidate in _folds(wanted):
            if candidate in self._known:
                return candidate
            new = set(_folds(candidate)) - self._known
            if len(self._known) + len(new) <= _room(candidate, limit):
                self._known |= new
                return candidate
        return None


def _folds(one: AttributeSet) -> Iterator[AttributeSet]:
    """``one``, then what it can be folded into, the next larger object first."""
    yield one
    for at in reversed(range(len(one))):
        key, value = one[at]
        if key not in _NEVER_FOLDED and value != OTHER:
            one = (*one[:at], (key, OTHER), *one[at + 1 :])
            yield one


def _room(one: AttributeSet, limit: int) -> int:
    """Sums may use all of it."""
    is_sum = any(value == OTHER for _, value in one)
    return limit if is_sum else limit - round(_KEPT * limit)
