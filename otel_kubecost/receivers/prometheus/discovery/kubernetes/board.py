"""What is known of one namespace, or of all: objects as they arrive, and the groups of them.

Watches write here, each on its own thread; whoever scrapes reads. A group is made when it is asked
for, and anew only where one of the objects that it was made of has changed.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from otel_kubecost.receivers.prometheus.discovery.groups import TargetGroup
from otel_kubecost.receivers.prometheus.discovery.kubernetes.options import Role
from otel_kubecost.receivers.prometheus.discovery.kubernetes.roles import Reference, Rules


class Board:
    """Gives no groups until every kind was listed once: labels would be missing."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._objects: dict[Role, dict[str, Any]] = {kind: {} for kind in rules.reads}
        self._unlisted = set(rules.reads)
        self._users: defaultdict[Reference, set[str]] = defaultdict(set)
        """Keys of the main objects that depend on an object."""
        self._stale: dict[str, None] = {}
        """Keys of groups to make, in the order in which their objects came."""
        self._by_key: dict[str, TargetGroup] = {}
        self._groups: Sequence[TargetGroup] = ()
        self._lock = threading.Lock()

    def list(self, kind: Role, objects: Mapping[str, Any]) -> None:
        """These are all objects of ``kind`` that there are."""
        with self._lock:
            gone = self._objects[kind].keys() - objects.keys()
            for key in gone:
                self._put(kind, key, None)
            for key, kept in objects.items():
                self._put(kind, key, kept)
            self._unlisted.discard(kind)

    def change(self, kind: Role, key: str, kept: Any | None) -> None:
        """One object is as it is now; None: it is gone."""
        with self._lock:
            self._put(kind, key, kept)

    def groups(self) -> Sequence[TargetGroup]:
        """The same object as before where nothing has changed."""
        with self._lock:
            if self._unlisted or not self._stale:
                return self._groups
            for key in self._stale:
                self._make(key)
            self._stale.clear()
            self._groups = tuple(self._by_key.values())
            return self._groups

    def _put(self, kind: Role, key: str, kept: Any | None) -> None:
        before = self._objects[kind].get(key)
        if before == kept:
            return
        if kept is None:
            del self._objects[kind][key]
        else:
            self._objects[kind][key] = kept
        if kind == self._rules.main:
            self._refer(key, before, kept)
            self._stale[key] = None
        self._stale |= dict.fromkeys(self._users.get((kind, key), ()))

    def _refer(self, key: str, before: Any | None, kept: Any | None) -> None:
        old = set(self._rules.references(key, before)) if before else set()
        new = set(self._rules.references(key, kept)) if kept else set()
        for reference in old - new:
            self._users[reference].discard(key)
            if not self._users[reference]:
                del self._users[reference]
        for reference in new - old:
            self._users[reference].add(key)

    def _make(self, key: str) -> None:
        if key in self._objects[self._rules.main]:
            self._by_key[key] = self._rules.group(key, self._objects)
        else:
            self._by_key.pop(key, None)
