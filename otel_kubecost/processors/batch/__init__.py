"""The processor ``batch``."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.processors.batch.processor import Batch, BatchOptions

FACTORY = Factory(
    kind=Kind.PROCESSOR,
    name="batch",
    summary="Changes nothing, for configurations that have it: a mark is a batch already.",
    options=BatchOptions,
    build=lambda options, settings: Batch(options, name=str(settings.id)),
)

__all__ = ["FACTORY", "Batch", "BatchOptions"]
