"""What a sending queue tells about itself: its ledger, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class ShardStats(NamedTuple):
    """How many requests may be under way at the same time."""

    minimum: int = 1
    maximum: int = 1
    current: int = 1
    desired: float = 1.0
    """How many would keep up, beyond ``maximum`` too."""


class Stats(NamedTuple):
    """``accepted = delivered + pending + dropped`` at every instant, in samples.

    With a spool these four go on over restarts, all others begin with the process.
    """

    accepted: int = 0
    delivered: int = 0
    pending: int = 0
    dropped: Mapping[str, int] = MappingProxyType({})
    """By reason."""
    trouble: str = ""
    """Why nothing is delivered just now; empty where all is well."""
    skew: int | None = None
    """Seconds by which the receiver's clock is ahead of ours; None where it is not known."""
    retried: int = 0
    """Samples that were offered and have to be offered again; once for each time."""
    newest_accepted: int = 0
    """The newest sample of all that came, in milliseconds since the epoch; 0 where none did."""
    newest_delivered: int = 0
    requests: int = 0
    """That wait or are under way."""
    bytes: int = 0
    """Of the bodies of these."""
    capacity: int = 0
    """How many samples may wait in memory."""
    sent_bytes: int = 0
    """Of the bodies of all requests that were answered with success."""
    shards: ShardStats = ShardStats()
    set_aside: Mapping[str, int] = MappingProxyType({})
    """Files of the spool beside the one in use, by why they are not."""
    fault: str = ""
    """Why the spool is not used just now (``full``, ``read_only``, ...); empty where it is."""
