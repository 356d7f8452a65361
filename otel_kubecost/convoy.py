"""Readers that run: each has a name of its own, and on one exporter none runs away from another.

Receivers of remote write take nothing that is an hour older than the newest sample of all, whoever
sends it: what one reader sends of the present would shut out what another has still to fill.
"""

from __future__ import annotations

import threading
from itertools import chain, count
from typing import Protocol
from weakref import WeakSet

from otel_kubecost.component import Historical
from otel_kubecost.outlet import Outlet

LEAD_SECONDS = 1800.0
"""How far ahead of another that fills a gap a reader may be: half of what receivers allow."""


class Member(Protocol):
    """What a reader shows to the others."""

    name: str
    receiver: Historical
    outlet: Outlet

    @property
    def behind(self) -> float | None:
        """The mark up to which it came, while it fills what is later; None where it does not."""
        ...


class Convoy:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._members: WeakSet[Member] = WeakSet()
        self._lock = threading.Lock()

    def join(self, member: Member) -> None:
        """It is known by its name, or by ``name/2`` and so on where that is another's.

        Pipelines that a program makes without names of their own go by the order they start in.
        """
        with self._lock:
            same = (one for one in self._members if one.receiver is member.receiver)
            taken = {one.name for one in same if one is not member}
            names = (f"{member.name}/{number}" for number in count(2))
            member.name = next(name for name in chain([member.name], names) if name not in taken)
            self._members.add(member)

    def leave(self, member: Member) -> None:
        with self._lock:
            self._members.discard(member)

    def has_to_wait(self, member: Member, mark: float) -> bool:
        """Whether ``mark``, sent now, might shut out what another one fills on the same exporter.

        Whoever is furthest behind never waits, so all come to their ends.
        """
        with self._lock:
            others = [one for one in self._members if one is not member]
        return any(
            mark - behind > LEAD_SECONDS
            for one in others
            if one.outlet.exporter is member.outlet.exporter and (behind := one.behind) is not None
        )
