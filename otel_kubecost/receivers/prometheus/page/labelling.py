"""The labels that a series of a page has in the end: the target's beside its own, relabelled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import TypeAlias

from otel_kubecost.receivers.prometheus.exposition import ExpositionError
from otel_kubecost.receivers.prometheus.page.limits import NAME
from otel_kubecost.relabel.labels import apply_rule
from otel_kubecost.relabel.rule import RelabelRule, is_label_name

_Pairs: TypeAlias = Sequence[tuple[str, str]]

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_is_label_name = lru_cache(maxsize=1024)(is_label_name)
_OF_THE_RESOURCE = ("job", "instance")
_PREFIX = "exported_"
_ALLOWED = "remote write 1.0 allows letters, digits and _ (in names of metrics also :)"


class SeriesError(ExpositionError):
    """A line that can be read, of a series that cannot be: its labels are not fit for one."""


class Labelling:
    """What one target's series are given; the same for all of its scrapes."""

    def __init__(
        self, target: Mapping[str, str], honor_labels: bool, rules: Sequence[RelabelRule]
    ) -> None:
        """``target`` are its labels, ``job`` and ``instance`` among them, none of them empty."""
        self._target = dict(sorted(target.items()))
        self._honor_labels = honor_labels
        self._rules = tuple(rules)

    @property
    def own(self) -> Mapping[str, str]:
        """What the resource of the target says; nothing if one of the two is missing."""
        labels = {name: self._target.get(name, "") for name in _OF_THE_RESOURCE}
        return labels if all(labels.values()) else {}

    def of(self, name: str, labels: _Pairs) -> dict[str, str] | None:
        """The final labels of a series of the page, with ``__name__``; None if it is dropped.

        Raises SeriesError where Prometheus fails the scrape: for a series without a name, with
        one that is not allowed, or with a label twice that neither the target nor a rule replaces.
        """
        pairs = [(NAME, name), *labels] if name else labels
        own, emptied = _present(pairs)
        merged = self._over(own, emptied) if self._honor_labels else self._under(own)
        before = dict(merged) if len(own) + len(emptied) < len(pairs) else None
        if not all(apply_rule(rule, merged) for rule in self._rules) or not merged:
            return None
        _check(merged)
        if before is not None:
            self._check_repeated(pairs, before, merged)
        return merged

    def _over(self, own: Mapping[str, str], emptied: AbstractSet[str]) -> dict[str, str]:
        """The page's labels win, even one that it has as an empty one."""
        given = {name: text for name, text in self._target.items() if name not in emptied}
        return {**given, **own}

    def _under(self, own: Mapping[str, str]) -> dict[str, str]:
        """The target's labels win; the page's get ``exported_`` as often as it needs."""
        merged = {**own, **self._target}
        for name in sorted(self._target.keys() & own.keys(), key=lambda one: (len(one), one)):
            free = _PREFIX + name
            while free in merged:
                free = _PREFIX + free
            merged[free] = own[name]
        return merged

    def _check_repeated(
        self, pairs: _Pairs, before: Mapping[str, str], after: Mapping[str, str]
    ) -> None:
        """Raises for a label that the page has twice, unless target or rules have replaced it."""
        replaced = () if self._honor_labels else self._target
        for name, count in Counter(name for name, _ in pairs).items():
            is_left = name in after and after[name] == before.get(name)
            if count > 1 and is_left and name not in replaced:
                raise SeriesError(f"series {after[NAME][:50]!r} has the label {name!r} twice")


def _present(pairs: _Pairs) -> tuple[dict[str, str], AbstractSet[str]]:
    """The labels of ``pairs``, the first one of each name; and names that have an empty one.

    These are no labels at all: Prometheus drops all of that name.
    """
    labels = dict(pairs)
    if len(labels) == len(pairs) and "" not in labels.values():
        return labels, frozenset()
    emptied = {name for name, text in pairs if not text}
    present = {name: text for name, text in reversed(pairs) if name not in emptied}
    return present, emptied


def _check(labels: Mapping[str, str]) -> None:
    name = labels.get(NAME, "")
    if not name:
        raise SeriesError("a series has no name; does one of metric_relabel_configs take it away?")
    if not _METRIC_NAME.fullmatch(name):
        raise SeriesError(f"a series has the name {name[:50]!r}; {_ALLOWED}")
    for label in labels:
        if not _is_label_name(label):
            raise SeriesError(f"series {name[:50]!r} has the label {label[:50]!r}; {_ALLOWED}")
