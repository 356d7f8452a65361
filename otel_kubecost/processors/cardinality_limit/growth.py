"""How many points there are for each number of pods kept, without folding any. Pure.

Keeping one pod more adds a point to each metric that knows it, and takes the folded one away where
it was the last pod of its namespace. So the number never falls as more pods are kept::

    kept                       folded    points
                               a, b      2
    a/web-1                    a, b      3
    a/web-1, a/web-2           a, b      4       with a/web-3 left in a
    and b/db-0                 a         4       the last of b
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from operator import add

from otel_kubecost.attributes import POD
from otel_kubecost.processors.cardinality_limit.fold import OTHER
from otel_kubecost.processors.cardinality_limit.pods import Pods, weighed_by

# What is folded of a namespace, as one metric knows it; how many points that is; and what it
# becomes with a pod that weighs nothing. Any other pod makes it a sum, which is a point.
_NOTHING, _ONE, _WEIGHTLESS, _SUM = range(4)
_POINTS = (0, 1, 0, 1)
_WITH_WEIGHTLESS = (_ONE, _WEIGHTLESS, _WEIGHTLESS, _SUM)


def counts(
    pods: Pods, ranked: Sequence[int], metrics: Iterable[str], *, fold: bool
) -> Sequence[int]:
    """How many points ``metrics`` have where the first 0, 1, 2, ... of ``ranked`` are kept."""
    order = _order(pods, ranked) if fold else None
    # Metrics that know the same pods have as many points, but for means.
    alike: dict[tuple[int, tuple[str, ...]], tuple[int, Sequence[int]]] = {}
    fewest, total = 0, array("I", bytes(4 * len(pods.table)))
    for metric in metrics:
        kind = id(pods.points[metric].rows), weighed_by(metric)
        if kind not in alike:
            alike[kind] = _growth(pods, metric, order) if order else (0, pods.known([metric]))
        none_kept, added = alike[kind]
        fewest += none_kept
        total = array("I", map(add, total, added))
    return array("Q", accumulate(map(total.__getitem__, ranked), initial=fewest))


def _order(pods: Pods, ranked: Sequence[int]) -> Sequence[int]:
    """The pods as they are folded, one after the other.

    First those that are named as the folded ones are, and are one with them though they be kept.
    """
    later = bytearray(len(pods.table))
    for row in ranked:
        later[row] = 1
    never = (row for row in pods.rows() if not later[row])
    pod = pods.table.columns[pods.table.keys.index(POD)]
    rows = array("I", chain(never, reversed(ranked)))
    if OTHER not in pod.values:
        return rows
    return sorted(rows, key=lambda row: pod[row] != OTHER)


def _growth(pods: Pods, metric: str, order: Iterable[int]) -> tuple[int, Sequence[int]]:
    """The points where all pods are folded; how many each pod adds that is kept instead."""
    known, weights, groups = pods.known([metric]), pods.weights(metric), pods.groups()
    folded = bytearray(1 + max(groups, default=0))
    added = bytearray(len(pods.table))
    for row in order:
        if known[row]:
            before = folded[groups[row]]
            weighs = weights is None or weights[row] > 0
            after = _SUM if weighs else _WITH_WEIGHTLESS[before]
            added[row] = 1 + _POINTS[before] - _POINTS[after]
            folded[groups[row]] = after
    return sum(map(_POINTS.__getitem__, folded)), added
