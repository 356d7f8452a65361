"""Where a request is cut in two."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate


def middle(weights: Sequence[int]) -> int:
    """Where to cut so that both sides weigh the same, or nearly; neither is empty.

    ``weights`` are two at least.
    """
    until = list(accumulate(weights))
    return min(range(1, len(weights)), key=lambda at: abs(2 * until[at - 1] - until[-1]))
