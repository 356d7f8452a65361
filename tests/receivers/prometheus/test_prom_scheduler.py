"""Each target has its turn when it is due, whatever others are at."""

import threading

import pytest
from scraping import until

from otel_kubecost.receivers.prometheus.scheduler import Scheduler
from otel_kubecost.testing import FakeClock

START = 1_700_000_000.0


class Target:
    """As much of one as a scheduler looks at."""

    is_gone = False
    url = "http://host/metrics"

    def __init__(self, interval=1.0):
        self.interval = round(interval * 1000)
        self.planned = round(START * 1000) + self.interval


@pytest.fixture
def clock():
    return FakeClock(START)


@pytest.fixture
def scheduled(clock):
    """Makes a scheduler that is started and ended."""
    made = []

    def make(work):
        def turn(one):
            one.planned += one.interval
            work(one)

        made.append(Scheduler("scheduler", clock, turn))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.shutdown()


def test_targets_have_their_turns_by_the_clock(scheduled, clock):
    """One of a second has three turns while one of three seconds has one."""
    turns, fast, slow = [], Target(1.0), Target(3.0)
    scheduler = scheduled(turns.append)
    for one in (slow, fast):
        scheduler.add(one)
    for count in (1, 2, 4):
        clock.wait_for_waiters()
        clock.advance(1.0)
        until(lambda count=count: len(turns) >= count)
    until(lambda: turns.count(fast) == 3)
    assert turns.count(slow) == 1


def test_a_slow_target_delays_nobody_and_has_one_turn_at_a_time(scheduled, clock):
    """The turns that it misses are not made up for."""
    turns, hang, fast, slow = [], threading.Event(), Target(), Target()

    def work(one):
        turns.append(one)
        if one is slow:
            hang.wait()

    scheduler = scheduled(work)
    for one in (slow, fast):
        scheduler.add(one)
    for count in (1, 2, 3):
        clock.wait_for_waiters()
        clock.advance(1.0)
        until(lambda count=count: turns.count(fast) == count)
    assert turns.count(slow) == 1
    hang.set()
    until(lambda: turns.count(slow) > 1)


def test_a_target_that_is_gone_has_no_turn(scheduled, clock):
    """Also where its end comes while it waits."""
    turns, gone, here = [], Target(), Target()
    scheduler = scheduled(turns.append)
    for one in (gone, here):
        scheduler.add(one)
    gone.is_gone = True
    clock.wait_for_waiters()
    clock.advance(1.0)
    until(lambda: turns)
    assert turns == [here]


def test_a_defect_costs_one_turn(scheduled, clock, caplog):
    """The next one comes at its time."""
    turns, one = [], Target()

    def work(one):
        turns.append(one)
        raise ZeroDivisionError

    scheduled(work).add(one)
    for count in (1, 2):
        clock.wait_for_waiters()
        clock.advance(2.0)
        until(lambda count=count: len(turns) == count)
    assert "A scrape came to no end" in caplog.text


def test_after_the_shutdown_there_are_no_turns(scheduled, clock):
    """Neither for those that wait nor for one that comes late."""
    turns, one = [], Target()
    scheduler = scheduled(turns.append)
    scheduler.add(one)
    scheduler.shutdown()
    scheduler.shutdown()
    scheduler.add(Target())
    clock.advance(9.0)
    assert turns == []
    assert [one for one in threading.enumerate() if one.name == "scheduler"] == []
