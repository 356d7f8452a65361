"""The processor ``memory_limiter``."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.processors.memory_limiter.options import MemoryLimiterOptions
from otel_kubecost.processors.memory_limiter.processor import MemoryLimiter

FACTORY = Factory(
    kind=Kind.PROCESSOR,
    name="memory_limiter",
    summary="Refuses data for now while the process has more memory than it may have.",
    options=MemoryLimiterOptions,
    build=lambda options, settings: MemoryLimiter(
        options, name=str(settings.id), clock=settings.clock
    ),
)

__all__ = ["FACTORY", "MemoryLimiter", "MemoryLimiterOptions"]
