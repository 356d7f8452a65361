"""The processor ``metrics_transform``."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.processors.metrics_transform.options import MetricsTransformOptions
from otel_kubecost.processors.metrics_transform.processor import MetricsTransform

FACTORY = Factory(
    kind=Kind.PROCESSOR,
    name="metrics_transform",
    summary="Renames metrics, their attributes and the values of those.",
    options=MetricsTransformOptions,
    build=lambda options, _: MetricsTransform(options),
    aliases=("metricstransform",),
)

__all__ = ["FACTORY", "MetricsTransform", "MetricsTransformOptions"]
