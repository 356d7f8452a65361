"""Faults that leave an answer whole and its numbers strange, each as it was seen in the field.

They are used like every fault: ``kubecost.script([null_rows, negative_idle])``. An answer that is
no allocation answer stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

from otel_kubecost.testing.cluster import IDLE, Row
from otel_kubecost.testing.exchange import Reply

Sets: TypeAlias = list[dict[str, Any] | None]


def _with_sets(reply: Reply, change: Callable[[Sets], Sets]) -> Reply:
    try:
        document = json.loads(reply.body)
    except ValueError:
        return reply
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        return reply
    document["data"] = change(document["data"])
    return replace(reply, body=json.dumps(document).encode())


def _with_rows(reply: Reply, change: Callable[[Row], Row | None]) -> Reply:
    return _with_sets(
        reply,
        lambda sets: [
            {key: change(row) for key, row in (one or {}).items()} if one else one for one in sets
        ],
    )


def null_sets(reply: Reply) -> Reply:
    """Every set is null: hours that Kubecost 3 has not computed (skyhook-io/radar issue 1055)."""
    return _with_sets(reply, lambda sets: [None for _ in sets])


def empty_sets(reply: Reply) -> Reply:
    """Every set is ``{}``: hours without data of OpenCost (opencost issue 3757)."""
    return _with_sets(reply, lambda sets: [{} for _ in sets])


def null_rows(reply: Reply) -> Reply:
    """Every set has a row more, which is null (skyhook-io/radar ``pkg/opencost`` expects it)."""
    return _with_sets(
        reply, lambda sets: [{**one, "null-row": None} if one else one for one in sets]
    )


def numbers_as_text(reply: Reply) -> Reply:
    """Numbers are strings: answers that something in between decoded and encoded again."""
    return _with_rows(
        reply, lambda row: {key: str(it) if _is_number(it) else it for key, it in row.items()}
    )


def nan_as_null(reply: Reply) -> Reply:
    """Efficiencies and the network's cost are null: Go's NaN (opencost ``allocation_json.go``)."""
    return _with_rows(
        reply,
        lambda row: {
            key: None if key.endswith("Efficiency") or key == "networkCost" else it
            for key, it in row.items()
        },
    )


def without_adjustments(reply: Reply) -> Reply:
    """No row has adjustments: hourly sets of a day whose daily set has some (kubecost 2373)."""
    return _with_rows(reply, _unadjusted)


def zero_costs(reply: Reply) -> Reply:
    """Every cost is 0: an hour asked for at its boundary (the guide's exporter had them)."""
    return _with_rows(
        reply, lambda row: {key: 0 if "Cost" in key and it else it for key, it in row.items()}
    )


def negative_idle(reply: Reply) -> Reply:
    """Idle costs less than nothing: node metrics are missing (kubecost 1965, opencost 3359)."""
    return _with_rows(reply, lambda row: _negated(row) if _is_idle(row) else row)


def negative_minutes(reply: Reply) -> Reply:
    """Rows end before they start: windows shorter than the resolution (opencost 4057)."""
    return _with_rows(
        reply, lambda row: {**row, "start": row["end"], "end": row["start"], "minutes": -2.45}
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_idle(row: Row) -> bool:
    return str(row.get("name", "")).rpartition("/")[2] == IDLE


def _unadjusted(row: Row) -> Row:
    adjustments = [key for key, it in row.items() if key.endswith("Adjustment") and it]
    total = row.get("totalCost", 0) - sum(row[key] for key in adjustments)
    return row | dict.fromkeys(adjustments, 0) | {"totalCost": round(total, 5)}


def _negated(row: Row) -> Row:
    costs = {key: -it for key, it in row.items() if key.endswith("Cost") and _is_number(it)}
    return row | costs
