"""Amounts to samples: a cost over a window is published as a rate per hour. Pure."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from itertools import repeat
from operator import truediv

from otel_kubecost.receivers.kubecost.doubles import are_zero, doubles
from otel_kubecost.receivers.kubecost.measures import Column

_MINUS_ZERO = array("d", [-0.0]).tobytes()
_AT_ONCE = 4096
"""Numbers that are held as objects: 100,000 of them would be 3 MiB for 0.8."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What amounts are counted in, and how a window's cost becomes a sample."""

    currency: str
    hours: float
    """What a cost over the window is divided by."""
    hourly: bool = True
    """Otherwise costs stay totals of the window (the guide's METRIC_MODE=total)."""

    def sample(self, amount: float | None) -> float | None:
        """The value to publish; None for what is not reported or not known."""
        if amount is None:
            return None
        sample = (amount / self.hours if self.hourly else amount) + 0.0  # -0.0 + 0.0 is 0.0
        return sample if math.isfinite(sample) else None

    def samples(self, amounts: Column) -> Column:
        """``sample`` of each; where all are known, as nearly always, in one go."""
        hours = self.hours if self.hourly else 1.0
        if isinstance(amounts, array) and are_zero(amounts):
            return amounts
        if isinstance(amounts, array) and hours:
            samples = array("d")
            for start in range(0, len(amounts), _AT_ONCE):
                of_piece = amounts[start : start + _AT_ONCE]
                samples.extend(doubles(map(truediv, of_piece, repeat(hours))))
            if math.isfinite(sum(samples)) and _MINUS_ZERO not in samples.tobytes():
                return samples
        return [self.sample(amount) for amount in amounts]

    @property
    def ucum(self) -> str:
        """UCUM has no currencies; what stands in braces is appended to no metric's name."""
        return f"{{{self.currency}/h}}" if self.hourly else f"{{{self.currency}}}"

    @property
    def in_words(self) -> str:
        return f"in {self.currency} per hour" if self.hourly else f"in {self.currency}"
