"""The processor ``filter``."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.processors.filter.processor import Filter, FilterOptions

FACTORY = Factory(
    kind=Kind.PROCESSOR,
    name="filter",
    summary="Keeps or drops metrics and data points by their names and attributes.",
    options=FilterOptions,
    build=lambda options, _: Filter(options),
)

__all__ = ["FACTORY", "Filter", "FilterOptions"]
