"""Which pods cost most. Pure.

A pod's rank is its total cost; equal costs are ranked by name, so two agents that see the same
costs keep the same pods. Names are put together for pods of equal cost alone: the 50 most costly of
100,000 are found in a column of numbers.
"""

from __future__ import annotations

import heapq
import math
from array import array
from collections.abc import Iterable
from itertools import chain, groupby, islice

from otel_kubecost.processors.cardinality_limit.pods import Pods


def ranked(pods: Pods, top: int) -> array[int]:
    """The rows of the ``top`` pods, most costly first."""
    costs, rows = pods.sums(_ranked_by(pods.points)), pods.rows()
    least = min(heapq.nlargest(top, map(costs.__getitem__, rows)), default=math.inf)
    near = [row for row in rows if costs[row] >= least]
    near.sort(key=costs.__getitem__, reverse=True)
    equals = (list(rows) for _, rows in groupby(near, key=costs.__getitem__))
    named = (sorted(rows, key=pods.name) if len(rows) > 1 else rows for rows in equals)
    return array("I", islice(chain.from_iterable(named), top))


def _ranked_by(metrics: Iterable[str]) -> list[str]:
    """The total cost, or the costs there are."""
    costs = [metric for metric in metrics if metric.endswith("_cost")]
    return [cost for cost in costs if cost.endswith("_total_cost")] or costs
