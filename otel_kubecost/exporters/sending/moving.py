"""From one store to another, batch by batch."""

from __future__ import annotations

from collections.abc import Mapping

from otel_kubecost.exporters.sending.entry import R
from otel_kubecost.exporters.sending.ledger import ACCEPTED, pending
from otel_kubecost.exporters.sending.store import Store
from otel_kubecost.storage import Place

MOST_MOVED = 2000
"""Requests that are moved from one disk to another while everybody waits: some ten seconds."""


def moved(there: Store[R], here: Store[R]) -> Mapping[int, Place]:
    """Everything of ``there``, with its ledger; its new places by the numbers that it had."""
    settled = there.ledger.get(ACCEPTED, 0) - pending(there.ledger)
    here.change(booked={**there.ledger, ACCEPTED: settled})
    places: dict[int, Place] = {}
    while oldest := there.first(()):
        places |= _moved_batch(there, here, oldest.place.batch)
    return places


def _moved_batch(there: Store[R], here: Store[R], batch: int) -> Mapping[int, Place]:
    """One request at a time; it leaves when it is whole where it came to."""
    samples: dict[int, int] = {}
    while (one := there.first(samples)) and one.place.batch == batch:
        samples[one.place.number] = one.request.samples
        here.put([one.request], more=True)
    together = sum(samples.values())
    places = here.put([], {ACCEPTED: together})
    there.change(removed=samples, booked={ACCEPTED: -together})
    return dict(zip(samples, places, strict=True))
