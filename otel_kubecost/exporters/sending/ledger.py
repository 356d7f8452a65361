"""Samples by what became of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

ACCEPTED, DELIVERED = "accepted", "delivered"
_DROPPED = "dropped:"

Ledger: TypeAlias = Mapping[str, int]
"""Samples by what became of them."""
NOTHING: Ledger = MappingProxyType({})


def dropped(reason: str, samples: int) -> dict[str, int]:
    """What is booked for ``samples`` that are lost."""
    return {_DROPPED + reason: samples}


def dropped_by_reason(ledger: Ledger) -> dict[str, int]:
    return {
        name.removeprefix(_DROPPED): samples
        for name, samples in ledger.items()
        if name.startswith(_DROPPED) and samples
    }


def settled(samples: int, refused: Mapping[str, int]) -> dict[str, int]:
    """What is booked for a request that was taken but for what was ``refused``, by reason.

    A receiver may say that it refused more than there was.
    """
    booked: dict[str, int] = {}
    for reason, number in refused.items():
        if lost := min(number, samples):
            booked |= dropped(reason, lost)
            samples -= lost
    return {DELIVERED: samples, **booked}


def pending(ledger: Ledger) -> int:
    """What was accepted and is neither delivered nor dropped."""
    return ledger.get(ACCEPTED, 0) - sum(n for name, n in ledger.items() if name != ACCEPTED)
