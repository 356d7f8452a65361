"""What the processor ``pricing`` needs of the rest of its pipeline.

Pure, and over plain data, as the other cross checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from otel_kubecost.component import Kind
from otel_kubecost.config.cross_checks import block, names_in
from otel_kubecost.config.problems import Finding

_TRUE = {"true", "yes", "on", "y", "t", "1"}


def pricing(data: Mapping[str, Any]) -> Iterator[Finding]:
    """Costs can be computed anew from hourly rates, with what was allocated, before any fold."""
    pipelines = block(block(data, "service"), "pipelines")
    for name in pipelines:
        pipeline = block(pipelines, name)
        processors = names_in(pipeline.get(Kind.PROCESSOR))
        prices = next((one for one in processors if _prices(data, one)), None)
        if prices is None:
            continue
        for receiver in names_in(pipeline.get(Kind.RECEIVER)):
            if _type(receiver) == "kubecost":
                yield from _receiver(data, receiver, f"processor {prices}")
        for index, limit in enumerate(processors[: processors.index(prices)]):
            if _type(limit) == "cardinality_limit":
                yield Finding(
                    ("service", "pipelines", name, Kind.PROCESSOR.value, index),
                    f"{limit} stands before {prices}, so pods would be chosen by Kubecost's prices",
                    f"write {prices} first",
                )


def _receiver(data: Mapping[str, Any], receiver: str, prices: str) -> Iterator[Finding]:
    options = block(block(data, Kind.RECEIVER), receiver)
    path = (Kind.RECEIVER.value, receiver)
    if not _is_true(options.get("usage_metrics")):
        yield Finding(
            (*path, "usage_metrics"),
            f"has to be true: {prices} computes costs from what was allocated",
            "add `usage_metrics: true`",
        )
    if options.get("metric_mode") == "total":
        yield Finding(
            (*path, "metric_mode"),
            f"is total, which does not tell {prices} of how many hours",
            "write rate, or remove the line",
        )
    if _is_true(options.get("share_idle")):
        yield Finding(
            (*path, "share_idle"),
            f"spreads Kubecost's cost of idle over namespaces, where {prices} cannot find it",
            "write false, or remove the line",
        )


def _prices(data: Mapping[str, Any], processor: str) -> bool:
    enabled = block(block(data, Kind.PROCESSOR), processor).get("enabled", True)
    return _type(processor) == "pricing" and _is_true(enabled)


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in _TRUE


def _type(name: str) -> str:
    return name.partition("/")[0].strip()
