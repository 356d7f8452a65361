"""How large the batches are that come: two of them always have room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from otel_kubecost.exporters.sending.entry import R
from otel_kubecost.storage import Extent


class Size(NamedTuple):
    """Of a batch, or of what there is of it."""

    samples: int = 0
    requests: int = 0
    bytes: int = 0
    newest: int = 0
    """Milliseconds since the epoch."""
    oldest: int = 0
    """As ``newest``, of the request of which that is least."""

    def with_part(self, part: Sequence[R]) -> Size:
        times = [one.newest for one in part]
        return Size(
            self.samples + sum(one.samples for one in part),
            self.requests + len(part),
            self.bytes + sum(len(one.body) for one in part),
            max([self.newest, *times]),
            min(filter(None, [self.oldest, *times]), default=0),
        )

    def or_larger(self, other: Size) -> Size:
        """Each number is the larger one."""
        return Size(*map(max, self, other))

    @property
    def twice(self) -> tuple[int, Extent]:
        """The samples of two such batches, and their extent."""
        return 2 * self.samples, Extent(2 * self.requests, 2 * self.bytes)
