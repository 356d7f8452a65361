"""What users write under ``pricing``: Kubecost's own block ``defaultModelPricing``.

Prices of a month become those of an hour as in Kubecost: a month has 730 hours, and a GB is 2^30
bytes, of memory, of storage and of traffic (opencost providerconfig.go, ``UpdateFromMap``;
allocation_helpers.go; ``queryFmtNetInternetGiB``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from otel_kubecost.config.options import Options

HOURS_PER_MONTH = 730
GIB = 2**30


def _price(value: Any) -> Any:
    """A number, also as text; None and what else is no number is left to pydantic."""
    if not isinstance(value, str | bool):
        return value
    try:
        return float(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a price; write a number, as 28.0") from None


_Number = Annotated[
    float,
    BeforeValidator(_price),
    WithJsonSchema({"type": ["number", "string"], "examples": ["28.0"]}),
]
Price = Annotated[_Number, Field(ge=0)]
"""In the currency that the receiver publishes; also as a string."""
SourcePrice = Annotated[_Number, Field(gt=0)]


class Rate(NamedTuple):
    """What an hour of one core, byte or GPU costs."""

    regular: float
    spot: float


class SourcePricesOptions(Options):
    """What Kubecost takes for a GB that leaves; its defaults (opencost configs/default.json)."""

    zone: SourcePrice = Field(0.01, alias="zoneNetworkEgress", description="To another zone.")
    region: SourcePrice = Field(0.01, alias="regionNetworkEgress", description="Another region.")
    internet: SourcePrice = Field(0.12, alias="internetNetworkEgress", description="The internet.")


class PricingOptions(Options):
    """Prices. What has none keeps the cost that Kubecost has for it."""

    enabled: bool = Field(True, description="Otherwise everything passes as it is.")
    cpu: Price | None = Field(None, alias="CPU", description="Of a core, a month.")
    spot_cpu: Price | None = Field(
        None, alias="spotCPU", description="Of a core of a spot node, a month. Default: as CPU."
    )
    ram: Price | None = Field(None, alias="RAM", description="Of a GB of memory, a month.")
    spot_ram: Price | None = Field(
        None, alias="spotRAM", description="Of a GB of a spot node, a month. Default: as RAM."
    )
    gpu: Price | None = Field(None, alias="GPU", description="Of a GPU, a month.")
    spot_gpu: Price | None = Field(
        None, alias="spotGPU", description="Of a GPU of a spot node, a month. Default: as GPU."
    )
    storage: Price | None = Field(None, description="Of a GB of a persistent volume, a month.")
    zone: Price | None = Field(
        None, alias="zoneNetworkEgress", description="Of a GB sent to another zone."
    )
    region: Price | None = Field(
        None, alias="regionNetworkEgress", description="Of a GB sent to another region."
    )
    internet: Price | None = Field(
        None, alias="internetNetworkEgress", description="Of a GB sent to the internet."
    )
    source_prices: SourcePricesOptions = Field(
        default_factory=SourcePricesOptions,
        description="What Kubecost takes for traffic. It reports what traffic cost, not how much "
        "it was; the one and the other price tell what it costs.",
    )

    @model_validator(mode="after")
    def _spot_is_beside_regular(self) -> Self:
        pairs = (
            ("CPU", self.cpu, self.spot_cpu),
            ("RAM", self.ram, self.spot_ram),
            ("GPU", self.gpu, self.spot_gpu),
        )
        for name, regular, spot in pairs:
            if regular is None and spot is not None:
                raise ValueError(
                    f"has spot{name} without {name}; write {name} too: Kubecost's cost is of both"
                    " kinds of node together"
                )
        return self

    @property
    def rates(self) -> Mapping[str, Rate]:
        """By the word for the cost in metric names; what has no price is left out."""
        monthly = {
            "cpu": (self.cpu, self.spot_cpu, 1),
            "ram": (self.ram, self.spot_ram, GIB),
            "gpu": (self.gpu, self.spot_gpu, 1),
            "pv": (self.storage, None, GIB),
        }
        return {
            part: Rate(_hourly(regular, unit), _hourly(regular if spot is None else spot, unit))
            for part, (regular, spot, unit) in monthly.items()
            if regular is not None
        }

    @property
    def network_factors(self) -> Mapping[str, float]:
        """By the word for the cost in metric names: own price over Kubecost's."""
        theirs = self.source_prices
        prices = {
            "network_cross_zone": (self.zone, theirs.zone),
            "network_cross_region": (self.region, theirs.region),
            "network_internet": (self.internet, theirs.internet),
        }
        return {part: own / their for part, (own, their) in prices.items() if own is not None}


def _hourly(price: float, unit: int) -> float:
    return price / HOURS_PER_MONTH / unit
