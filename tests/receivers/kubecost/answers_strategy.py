"""Hypothesis strategy: whole answers of the allocation API, with what they mean beside them.

Every shape of an answer by cluster and namespace that is documented or was recorded: several
clusters, several sets, null sets and rows; rows of no namespace at any part of a key; properties
that are there in full, in part or not at all, and keys that only they explain; numbers that are
null, text, negative or -0; fields that a generation of the products has not; rows that span less
than their window, more, or a negative time.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from hypothesis import strategies as st

from otel_kubecost.receivers.kubecost.window import HOUR, Window, parse_time

END = round(parse_time("2026-11-23T11:00:00Z") or 0)
NOW = END + 30 * 60.0
UNMOUNTED = "__unmounted__"
SYNTHETIC = ("__idle__", "__unallocated__", UNMOUNTED, "__shared__", "__external__")
"""Names in the place of a namespace's, of rows that belong to none."""

PARTS = ("cpu", "ram", "pv", "network", "loadBalancer", "gpu")
_ADJUSTMENTS = tuple(f"{part}CostAdjustment" for part in PARTS)
_TRAFFIC = ("networkCrossZoneCost", "networkCrossRegionCost", "networkInternetCost")
_COSTS = ("totalCost", *(f"{part}Cost" for part in PARTS), "sharedCost", "externalCost")
_RATIOS = {"cpuEfficiency": 0.25, "ramEfficiency": 1.5, "totalEfficiency": 0.5}
_FIELDS = (*_COSTS, *_ADJUSTMENTS, *_TRAFFIC, *_RATIOS)

_GENERATIONS: Sequence[Sequence[str]] = (
    (),
    _TRAFFIC,  # OpenCost of 2022
    ("totalCost", *_ADJUSTMENTS, *_TRAFFIC),  # older summaries
    ("totalCost", "ramCost"),  # of none, and nothing to make a total of
)
"""Fields that no row of an answer has."""

_ABSENT = object()
_AMOUNTS = st.integers(-(10**6), 10**9).map(lambda units: units / 1e5)
_ODD = [None, 0, -0.0, 1e-5, "NaN", "None", "1.5", " -2.25 ", "0", -1e12, [1], {}, True, _ABSENT]
_NUMBERS = _AMOUNTS | st.sampled_from(_ODD)


class Said(NamedTuple):
    """What one row says, in whatever shape it says it."""

    cluster: str
    """Empty where the row names none."""
    name: str
    """A namespace, or one of ``SYNTHETIC``."""
    manner: int = 0
    """Which of the shapes."""
    late: int = 0
    """Tens of minutes after the set's window began."""
    early: int = 0
    """Tens of minutes before the set's window ended."""
    amount: float = 0.0
    odd: Mapping[str, Any] = {}
    """Fields that are not as in a sound row."""
    is_null: bool = False


_SAID = st.builds(
    Said,
    cluster=st.sampled_from(["one", "one", "two", "arn:aws/three", ""]),
    name=st.sampled_from(["shop", "shop", "dev", "kube-system", *SYNTHETIC]),
    manner=st.integers(0, 11),
    late=st.sampled_from([0, 0, 0, 1, 3, 5, -1]),
    early=st.sampled_from([0, 0, 0, 1, 3, -1]),
    amount=_AMOUNTS,
    odd=st.dictionaries(st.sampled_from(_FIELDS), _NUMBERS, max_size=4),
    is_null=st.integers(0, 9).map(lambda number: number == 9),
)


@dataclass(frozen=True)
class Fact:
    """A row that says something: of which cluster, of which namespace or kind, which numbers."""

    cluster: str
    name: str
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class Generated:
    """An answer with its meaning."""

    sets: Sequence[dict[str, Any] | None]
    facts: Sequence[Fact]
    """Of no cluster where several are named and the row names none."""
    hours: Mapping[str, float]
    """By cluster, how many hours its data covers."""
    window: Window

    @property
    def body(self) -> bytes:
        return json.dumps({"code": 200, "data": self.sets}).encode()

    def shuffled(self, order: random.Random) -> Generated:
        """The same sets, rows and fields in another order."""
        sets = [None if one is None else _shuffled(one, order) for one in self.sets]
        order.shuffle(sets)
        return replace(self, sets=sets)


def _shuffled(document: dict[str, Any], order: random.Random) -> dict[str, Any]:
    items = list(document.items())
    order.shuffle(items)
    return {key: _shuffled(it, order) if isinstance(it, dict) else it for key, it in items}


@st.composite
def answers(draw: st.DrawFn) -> Generated:
    """Answers to a query by cluster and namespace, with one row at least that is not null."""
    generation = draw(st.sampled_from(_GENERATIONS))
    length = HOUR * draw(st.sampled_from([1, 24]))
    every = draw(st.lists(st.none() | st.lists(_SAID, max_size=6), min_size=1, max_size=3))
    begin = END - len(every) * length
    windows = [Window(begin + at * length, begin + (at + 1) * length) for at in range(len(every))]
    sets = [_Set(window, said, generation) for window, said in zip(windows, every, strict=True)]
    named = {fact.cluster for one in sets for fact in one.facts} - {""}
    only = named.pop() if len(named) == 1 else ""
    facts = [replace(it, cluster=it.cluster or only) for one in sets for it in one.facts]
    hours = {fact.cluster: _hours(sets, {fact.cluster, ""} if only else {fact.cluster})
             for fact in facts}  # fmt: skip
    return Generated([one.rows for one in sets], facts, hours, Window(begin, END))


class _Set:
    """One set of an answer, with its meaning."""

    def __init__(self, window: Window, every: list[Said] | None, generation: Sequence[str]) -> None:
        self.window = window
        self.rows: dict[str, Any] | None = None if every is None else {}
        self.facts: list[Fact] = []
        self.spans: list[tuple[str, str, tuple[int, int]]] = []
        """From when to when there is data, by cluster and name of a row."""
        self.costly: set[tuple[str, bool]] = set()
        """By cluster, and whether volumes that no pod mounts: where rows do not all cost 0."""
        for said in every or ():
            self._add(said, generation)

    def _add(self, said: Said, generation: Sequence[str]) -> None:
        key, properties = _identity(said)
        if self.rows is None or key in self.rows:
            return
        if said.is_null:
            self.rows[key] = None
            return
        numbers = _row_numbers(said, generation)
        start, end = self._span(said)
        row = {"name": key, **numbers, "window": _times(self.window), **_times((start, end))}
        row["minutes"] = (end - start) / 60
        self.rows[key] = row if properties is _ABSENT else row | {"properties": properties}
        self.facts.append(Fact(said.cluster, said.name, numbers))
        self.spans.append((said.cluster, said.name, (start, end)))
        if not _is_free(numbers):
            self.costly.add((said.cluster, said.name == UNMOUNTED))

    def _span(self, said: Said) -> tuple[int, int]:
        """A volume that no pod mounts is there all the time."""
        if said.name == UNMOUNTED:
            return self.window.start, self.window.end
        return self.window.start + 600 * said.late, self.window.end - 600 * said.early

    def covered(self, clusters: Iterable[str], *, unmounted: bool) -> float:
        """Hours from a cluster's first data to its last; where no row has a span, all there are,
        unless nothing costs anything: then the set stands for an hour that has just begun."""
        spans = [span for cluster, name, span in self.spans
                 if cluster in clusters and (name == UNMOUNTED) == unmounted]  # fmt: skip
        clipped = [(max(start, self.window.start), min(end, self.window.end))
                   for start, end in spans]  # fmt: skip
        sound = [(start, end) for start, end in clipped if start < end]
        if not sound:
            costly = any((cluster, unmounted) in self.costly for cluster in clusters)
            return self.window.hours if costly else 0.0
        return (max(end for _, end in sound) - min(start for start, _ in sound)) / HOUR


def _hours(sets: Iterable[_Set], clusters: Iterable[str]) -> float:
    """Unmounted volumes count only where there is nothing else."""
    sets, clusters = list(sets), list(clusters)
    return (
        sum(one.covered(clusters, unmounted=False) for one in sets)
        or sum(one.covered(clusters, unmounted=True) for one in sets)
        or sum(one.window.hours for one in sets if one.spans)
    )


def _is_free(numbers: Mapping[str, Any]) -> bool:
    """Whether a row's total is 0, or that of its parts where it has none."""
    if "totalCost" in numbers:
        return _is_zero(numbers["totalCost"])
    parts = [it for name, it in numbers.items() if name.endswith(("Cost", "Adjustment"))]
    return {"cpuCost", "ramCost"} <= set(numbers) and all(map(_is_zero, parts))


def _is_zero(value: Any) -> bool:
    try:
        return float(value) == 0
    except (TypeError, ValueError):
        return False


def _row_numbers(said: Said, generation: Sequence[str]) -> dict[str, Any]:
    """Sound ones that add up, but for those that are odd."""
    sound = {"cpuCost": said.amount, "ramCost": 1.25, "totalCost": round(said.amount + 1.25, 5)}
    every = {**dict.fromkeys(_FIELDS, 0), **_RATIOS, **sound, **said.odd}
    return {name: it for name, it in every.items() if it is not _ABSENT and name not in generation}


_MORE = {"node": "node-1", "services": ["web"], "providerID": "i-1", "labels": {"team": "shop"}}


def _identity(said: Said) -> tuple[str, Any]:
    """A key and properties that say whose the row is: one of the ways there are."""
    cluster, name = said.cluster, said.name
    full = {"cluster": cluster, "namespace": name}
    each = {"cluster": name, "namespace": name}
    plain = [_ABSENT, None, {}, {"cluster": cluster}, {"namespace": name}, full, full | _MORE]
    if not cluster:
        ways = [(name, _ABSENT), (name, {}), (name, None)]
        ways += [(f"{name}/{name}", each)] if name in SYNTHETIC else []
    elif "/" in cluster:  # the key has more parts than dimensions: properties say it
        ways = [(f"{cluster}/{name}", full), (f"{cluster}/{name}", full | _MORE)]
    else:
        keys = [f"{cluster}/node-1/{name}", f"{cluster}//shop/{name}"]
        if name not in SYNTHETIC:
            keys = [name, f"{name}/web", f"{name}/web/web-0"]
        ways = [(f"{cluster}/{name}", one) for one in plain] + [(key, full) for key in keys]
        ways += [(name, {"cluster": cluster})] if name in SYNTHETIC else []
    return ways[said.manner % len(ways)]


def _times(span: Window | tuple[int, int]) -> dict[str, str]:
    start, end = (span.start, span.end) if isinstance(span, Window) else span
    return dict(zip(("start", "end"), str(Window(start, end)).split(","), strict=True))
