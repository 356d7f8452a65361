"""What users write under ``memory_limiter``: the Collector's words, with its meaning.

https://github.com/open-telemetry/opentelemetry-collector/tree/main/processor/memorylimiterprocessor
"""

from __future__ import annotations

from typing import NamedTuple, Self

from pydantic import Field, model_validator

from otel_kubecost.config.options import Duration, Options

MIB = 2**20


class Limits(NamedTuple):
    """Bytes."""

    hard: int
    spike: int

    @property
    def soft(self) -> int:
        """More is refused, so that what a measurement does not see yet stays below ``hard``."""
        return self.hard - self.spike


class MemoryLimiterOptions(Options):
    """How much memory the process may have: resident memory, what the system sees of it."""

    check_interval: Duration = Field(
        1.0, gt=0, description="A batch measures memory unless one did so less than this ago."
    )
    limit_mib: int = Field(
        0,
        ge=0,
        description="Most memory that the process may have, in MiB; of these it needs about 60"
        " for itself.",
        examples=[512],
    )
    spike_limit_mib: int = Field(
        0,
        ge=0,
        description="By how much memory may grow from one measurement to the next: refused is what"
        " comes above limit_mib less this. 0: a fifth of limit_mib.",
        examples=[128],
    )
    limit_percentage: int = Field(
        0,
        ge=0,
        le=100,
        description="The same as limit_mib, in percent of the limit of the cgroup (the container),"
        " or else of the machine's memory; limit_mib wins.",
        examples=[80],
    )
    spike_limit_percentage: int = Field(
        0,
        ge=0,
        le=100,
        description="Beside limit_percentage, in percent of the same. 0: a fifth of"
        " limit_percentage.",
        examples=[20],
    )

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if not (self.limit_mib or self.limit_percentage):
            raise ValueError("has no limit; add `limit_mib: 512` or `limit_percentage: 80`")
        for limit in ("limit_mib", "limit_percentage"):
            if 0 < getattr(self, limit) <= getattr(self, f"spike_{limit}"):
                raise ValueError(f"spike_{limit} is not less than {limit}; write a fifth of it")
        return self

    @property
    def deciding(self) -> str:
        """The option that says where the hard limit is."""
        return "limit_mib" if self.limit_mib else "limit_percentage"

    def limits(self, available: int) -> Limits:
        """``available``: bytes that percentages are of."""
        unit = MIB if self.limit_mib else available / 100
        hard = round(getattr(self, self.deciding) * unit)
        spike = round(getattr(self, f"spike_{self.deciding}") * unit)
        return Limits(hard, spike or hard // 5)
