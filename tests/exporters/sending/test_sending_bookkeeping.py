"""What an answer means for the queue, where others are under way at the same time."""

from __future__ import annotations

import pytest
from sending_data import DONE, DROP, HOLD, RETRY, SPLIT, Letters

from otel_kubecost.exporters.sending.backlog import Backlog
from otel_kubecost.exporters.sending.bookkeeping import Bookkeeping
from otel_kubecost.exporters.sending.entry import Entry, Outcome
from otel_kubecost.exporters.sending.episodes import Episodes
from otel_kubecost.exporters.sending.forecast import Forecast
from otel_kubecost.exporters.sending.losses import TOO_OLD
from otel_kubecost.exporters.sending.retry import Action, Verdict
from otel_kubecost.exporters.sending.store import MemoryStore
from otel_kubecost.testing import FakeClock

WAIT = Verdict(Action.WAIT, retry_after=30.0)


class Desk:
    """Books with a backlog of letters, all of one batch."""

    def __init__(self, letters: str = "abcdefgh", *, durable: bool = False) -> None:
        clock = FakeClock()
        self.store: MemoryStore[Letters] = MemoryStore(10)
        self.store.is_durable = durable
        self.backlog: Backlog[Letters] = Backlog(self.store)
        self.tickets = self.backlog.put_all([Letters(letter * 2, 1000) for letter in letters])
        self.books: Bookkeeping[Letters] = Bookkeeping(
            Episodes(clock),
            Forecast(clock, 0.0),
            min_backoff=1.0,
            max_backoff=8.0,
            random=lambda: 0.0,
        )

    def take(self) -> tuple[Entry[Letters], int]:
        """A request under way, and the setbacks that it has seen."""
        entry = self.backlog.take(99)
        assert entry is not None
        return entry, self.books.setbacks

    def answered(self, under_way: tuple[Entry[Letters], int], verdict: Verdict) -> float:
        entry, seen = under_way
        return self.books.settle(self.backlog, entry, verdict, seen)

    def offered(self, verdict: Verdict) -> float:
        return self.answered(self.take(), verdict)


def test_failures_in_a_row_make_the_pauses_grow():
    """Doubled each time, up to the longest; a success makes them short again."""
    desk = Desk()
    assert [desk.offered(RETRY) for _ in range(6)] == [1, 2, 4, 8, 8, 8]
    assert desk.offered(DONE) == 0
    assert desk.offered(RETRY) == 1


def test_failures_of_one_time_are_one():
    """Four that were under way when the receiver went down are one reason to wait, not four."""
    desk = Desk()
    first = [desk.take() for _ in range(4)]
    assert [desk.answered(one, RETRY) for one in first] == [1] * 4
    assert desk.books.failures == 1
    assert desk.offered(RETRY) == 2


@pytest.mark.parametrize("trouble", [RETRY, HOLD])
@pytest.mark.parametrize("late", [DONE, DROP, SPLIT, WAIT])
def test_what_began_before_the_trouble_does_not_end_it(caplog, trouble, late):
    """An answer to an earlier question says nothing of now; one to a later question does."""
    caplog.set_level("INFO")
    desk = Desk()
    one, other = desk.take(), desk.take()
    desk.answered(one, trouble)
    said = len(caplog.records)
    desk.answered(other, late)
    assert desk.books.in_trouble
    assert desk.books.held is (trouble is HOLD)
    told = {"The receiver answers again after 0 s"}
    assert told.isdisjoint(record.message for record in caplog.records)
    assert len(caplog.records) == said + (late in (DROP, SPLIT))
    desk.offered(DONE)
    assert not desk.books.in_trouble
    assert told <= {record.message for record in caplog.records}


def test_a_hold_after_which_others_fail_for_another_reason():
    """What was said last counts, whenever it was asked."""
    desk = Desk()
    held, failed = desk.take(), desk.take()
    assert desk.answered(held, HOLD) == 60
    assert desk.books.held
    assert desk.answered(failed, RETRY) == 1
    assert not desk.books.held
    assert desk.books.in_trouble


def test_held_is_told_to_all_that_waits():
    """Also to what is under way, until that is delivered."""
    desk = Desk("abc")
    one, other = desk.take(), desk.take()
    desk.answered(one, HOLD)
    assert [ticket.wait(0) for ticket in desk.tickets] == [Outcome.HELD] * 3
    desk.answered(other, DONE)
    outcomes = [ticket.wait(0) for ticket in desk.tickets]
    assert outcomes == [Outcome.HELD, Outcome.DELIVERED, Outcome.HELD]


def test_waiting_for_its_time_is_no_failure():
    """It pauses for as long as it takes, and nothing is wrong."""
    desk = Desk()
    assert desk.offered(WAIT) == 30
    assert not desk.books.in_trouble
    assert desk.books.setbacks == 0


@pytest.mark.parametrize(
    ("verdict", "durable", "stops", "stats"),
    [
        (RETRY, False, False, (4, 0, 4, {})),
        (HOLD, False, True, (4, 0, 2, {"shutdown": 2})),
        (RETRY, True, True, (4, 0, 4, {})),
        (HOLD, True, True, (4, 0, 4, {})),
        (WAIT, True, True, (4, 0, 4, {})),
        (DONE, True, False, (4, 2, 2, {})),
    ],
)
def test_what_cannot_be_delivered_at_the_end(verdict, durable, stops, stats):
    """What is in memory is tried as long as that may help, what is kept has one attempt."""
    desk = Desk("ab", durable=durable)
    desk.books.closing = True
    desk.offered(verdict)
    assert desk.books.stopped is stops
    assert desk.backlog.stats()[:4] == stats
    assert not desk.backlog.in_flight


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("verdict", [RETRY, HOLD, WAIT])
def test_after_the_stop_nothing_waits_any_more(verdict, durable):
    """What was under way then is left or lost, and its thread is free at once."""
    desk = Desk("ab", durable=durable)
    one, other = desk.take(), desk.take()
    desk.books.closing = desk.books.stopped = True
    assert desk.answered(one, verdict) == 0
    assert desk.answered(other, DONE) == 0
    lost = {} if durable else {"shutdown": 2}
    assert desk.backlog.stats()[:4] == (4, 2, 2 if durable else 0, lost)


def test_what_is_lost_is_said(caplog):
    """With its reason, its samples and a remedy."""
    desk = Desk("a")
    entry, _ = desk.take()
    desk.books.lose(desk.backlog, entry, TOO_OLD)
    (line,) = caplog.records
    assert (line.reason, line.samples) == ("too_old", 2)
    assert "retention" in line.hint
    assert desk.backlog.stats()[:4] == (2, 0, 0, {"too_old": 2})
