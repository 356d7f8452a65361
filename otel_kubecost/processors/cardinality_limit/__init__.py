"""The processor ``cardinality_limit``."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.processors.cardinality_limit.processor import (
    CardinalityLimit,
    CardinalityLimitOptions,
)

FACTORY = Factory(
    kind=Kind.PROCESSOR,
    name="cardinality_limit",
    summary="Keeps the top N pods by cost, the allowed metrics, and no more than max_series.",
    options=CardinalityLimitOptions,
    build=lambda options, _: CardinalityLimit(options),
)

__all__ = ["FACTORY", "CardinalityLimit", "CardinalityLimitOptions"]
