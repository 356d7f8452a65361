"""The processor ``resource``."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.processors.resource.processor import ResourceAttributes, ResourceOptions

FACTORY = Factory(
    kind=Kind.PROCESSOR,
    name="resource",
    summary="Inserts, updates and deletes attributes of resources.",
    options=ResourceOptions,
    build=lambda options, _: ResourceAttributes(options),
)

__all__ = ["FACTORY", "ResourceAttributes", "ResourceOptions"]
