"""The last batch again gives the last result again, by whose columns others downstream know it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel_kubecost.pdata import each_scope, stamped, time_if_restamped


class _Last(NamedTuple):
    given: MetricsData
    result: MetricsData


class Repeating:
    """A change of batches that is made once for a batch that comes at several marks.

    A batch that is the last one again, at a later mark, gives the last result again, the same
    columns at the new time. Safe to use from several threads.
    """

    def __init__(self, change: Callable[[MetricsData], MetricsData]) -> None:
        self._change = change
        self._last: dict[frozenset[InstrumentationScope], _Last] = {}

    def __call__(self, data: MetricsData) -> MetricsData:
        # Several receivers take turns here: what tells their batches apart are the scopes.
        scopes = frozenset(of_scope.scope for _, of_scope in each_scope(data))
        last = self._last.get(scopes)
        time = time_if_restamped(data, last.given) if last else None
        if last and time is not None:
            return stamped(last.result, time)
        result = self._change(data)
        # A scope is in one remembered batch at most, and lists cannot be had at another time.
        others = {key: one for key, one in self._last.items() if not key & scopes}
        are_columns = time_if_restamped(result, result) is not None
        self._last = others | ({scopes: _Last(data, result)} if are_columns else {})
        return result
