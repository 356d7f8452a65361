"""What a ledger lacks where requests went with damage of their file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

LOST = "dropped:damaged"
_ACCEPTED = "accepted"


def balanced(ledger: Counter[str], booked: Mapping[str, int], samples: int) -> Counter[str]:
    """``booked``, and what leaves as many pending as there are: the others are lost."""
    complete, after = Counter(booked), Counter(ledger)
    after.update(booked)
    missing = 2 * after[_ACCEPTED] - after.total() - samples
    lost = max(missing, -after[LOST])
    complete.update({LOST: lost, _ACCEPTED: lost - missing})
    return complete
