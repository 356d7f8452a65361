"""The processor ``attributes``."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.processors.attributes.processor import AttributesOptions, PointAttributes

FACTORY = Factory(
    kind=Kind.PROCESSOR,
    name="attributes",
    summary="Inserts, updates and deletes attributes of data points.",
    options=AttributesOptions,
    build=lambda options, _: PointAttributes(options),
)

__all__ = ["FACTORY", "AttributesOptions", "PointAttributes"]
