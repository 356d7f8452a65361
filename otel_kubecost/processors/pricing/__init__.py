"""The processor ``pricing``."""

from otel_kubecost.component import Factory, Kind
from otel_kubecost.processors.pricing.options import PricingOptions
from otel_kubecost.processors.pricing.processor import Pricing

FACTORY = Factory(
    kind=Kind.PROCESSOR,
    name="pricing",
    summary="Computes costs anew from what was allocated, with your own prices.",
    options=PricingOptions,
    build=lambda options, _: Pricing(options),
)

__all__ = ["FACTORY", "Pricing", "PricingOptions"]
