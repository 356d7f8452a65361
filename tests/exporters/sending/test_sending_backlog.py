from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from otel_kubecost.exporters.sending.backlog import QUEUE_FULL, Backlog, Entry, Outcome, Ticket

CAPACITY = 20


@dataclass(frozen=True)
class Numbered:
    """A request that knows its place: ``first`` up to ``first + samples``."""

    first: int
    samples: int
    newest: int = 0

    def split(self) -> list[Numbered]:
        half = self.samples // 2
        if not half:
            return []
        return [
            Numbered(self.first, half),
            Numbered(self.first + half, self.samples - half),
        ]


class BacklogMachine(RuleBasedStateMachine):
    """A backlog beside a plain list of sample numbers that says what has to be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog: Backlog[Numbered] = Backlog(CAPACITY)
        self.next_number = 0
        self.waiting: list[Numbered] = []
        self.flying: Entry[Numbered] | None = None
        self.delivered: list[int] = []
        self.dropped: dict[str, int] = {}
        self.tickets: dict[int, tuple[Numbered, Ticket]] = {}
        self.fates: dict[int, Outcome] = {}

    def _fate(self, request: Numbered, outcome: Outcome) -> None:
        for number in range(request.first, request.first + request.samples):
            self.fates[number] = outcome

    def _lose(self, request: Numbered, reason: str) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + request.samples
        self._fate(request, Outcome.DROPPED)

    def _make_room(self) -> None:
        flying = self.flying.request.samples if self.flying else 0
        while len(self.waiting) > 1 and flying + sum(r.samples for r in self.waiting) > CAPACITY:
            self._lose(self.waiting.pop(0), QUEUE_FULL)

    @rule(samples=st.integers(1, 12))
    def put(self, samples):
        request = Numbered(self.next_number, samples)
        self.next_number += samples
        self.waiting.append(request)
        self.tickets[request.first] = (request, self.backlog.put(request))
        self._make_room()

    @precondition(lambda self: self.flying is None)
    @rule()
    def take(self):
        self.flying = self.backlog.take()
        if self.waiting:
            assert self.flying is not None
            assert self.flying.request == self.waiting.pop(0)
        else:
            assert self.flying is None

    @precondition(lambda self: self.flying is not None)
    @rule()
    def deliver(self):
        request = self.flying.request
        self.backlog.delivered(self.flying)
        self.delivered += range(request.first, request.first + request.samples)
        self._fate(request, Outcome.DELIVERED)
        self.flying = None

    @precondition(lambda self: self.flying is not None)
    @rule()
    def refuse(self):
        self.backlog.dropped(self.flying, "refused")
        self._lose(self.flying.request, "refused")
        self.flying = None

    @precondition(lambda self: self.flying is not None)
    @rule(hold=st.booleans())
    def send_again(self, hold):
        attempts = self.flying.attempts
        self.backlog.again(self.flying)
        assert self.flying.attempts == attempts + 1
        if hold:
            self.backlog.hold()
        self.waiting.insert(0, self.flying.request)
        self.flying = None
        self._make_room()

    @precondition(lambda self: self.flying is not None)
    @rule()
    def split(self):
        request = self.flying.request
        self.backlog.split(self.flying, "too_large")
        self.flying = None
        self.waiting[:0] = request.split()
        if request.samples == 1:
            self._lose(request, "too_large")

    @rule()
    def abandon(self):
        lost = self.backlog.abandon("shutdown")
        assert lost == sum(request.samples for request in self.waiting)
        for request in self.waiting:
            self._lose(request, "shutdown")
        self.waiting = []

    @invariant()
    def the_ledger_balances(self):
        stats = self.backlog.stats()
        flying = self.flying.request.samples if self.flying else 0
        assert stats.accepted == self.next_number
        assert stats.delivered == len(self.delivered)
        assert stats.pending == flying + sum(request.samples for request in self.waiting)
        assert stats.dropped == self.dropped
        assert stats.accepted == stats.delivered + stats.pending + sum(stats.dropped.values())
        assert self.backlog.empty is (not self.waiting and self.flying is None)

    @invariant()
    def samples_leave_in_the_order_they_came(self):
        assert self.delivered == sorted(self.delivered)

    @invariant()
    def every_ticket_tells_what_became_of_its_request(self):
        for request, ticket in self.tickets.values():
            numbers = range(request.first, request.first + request.samples)
            fates = [self.fates.get(number) for number in numbers]
            outcome = ticket.wait(0)
            if Outcome.DROPPED in fates:
                assert outcome is Outcome.DROPPED
            elif all(fate is Outcome.DELIVERED for fate in fates):
                assert outcome is Outcome.DELIVERED
            else:
                assert outcome in {None, Outcome.HELD}


TestBacklog = BacklogMachine.TestCase


def test_the_newest_request_always_stays():
    """A request larger than the queue is still taken: what is new is worth most."""
    backlog: Backlog[Numbered] = Backlog(10)
    backlog.put(Numbered(0, 5))
    ticket = backlog.put(Numbered(5, 50))
    assert backlog.stats().pending == 50
    assert backlog.take_overflow() == 5
    assert backlog.take_overflow() == 0
    assert ticket.wait(0) is None


def test_who_is_held_is_told_and_may_still_be_delivered():
    """A held ticket is known at once and turns when the data gets through."""
    backlog: Backlog[Numbered] = Backlog(10)
    ticket = backlog.put(Numbered(0, 1))
    backlog.hold()
    assert ticket.wait(0) is Outcome.HELD
    entry = backlog.take()
    assert entry is not None
    backlog.delivered(entry)
    assert ticket.wait(0) is Outcome.DELIVERED
