"""Clocks of the testing package."""

import threading
import time

import pytest

from otel_kubecost.testing import FakeClock, ScaledClock


def test_fake_clock_moves_only_when_advanced():
    """Both times of a FakeClock stand still until somebody advances it."""
    clock = FakeClock(start=1_700_000_000)
    before = (clock.time(), clock.monotonic())
    time.sleep(0.01)
    assert (clock.time(), clock.monotonic()) == before == (1_700_000_000.0, 0.0)
    clock.advance(90)
    assert (clock.time(), clock.monotonic()) == (1_700_000_090.0, 90.0)


def test_fake_clock_never_goes_back():
    """Advancing by a negative time is refused, and changes nothing."""
    clock = FakeClock(10)
    with pytest.raises(ValueError, match="never goes back"):
        clock.advance(-1)
    assert clock.time() == 10


@pytest.mark.parametrize("seconds", [0, -5])
def test_waiting_for_no_time_returns_at_once(seconds):
    """A wait of zero or less returns without an advance and tells whether stop is set."""
    stop = threading.Event()
    assert FakeClock().wait(stop, seconds) is False
    stop.set()
    assert FakeClock().wait(stop, seconds) is True


def test_waiters_wake_when_their_time_has_come_and_not_before():
    """Of three threads that wait 10, 20 and 30 s, an advance of 20 s wakes two."""
    clock, stop, woken = FakeClock(), threading.Event(), []

    def work(seconds):
        woken.append((seconds, clock.wait(stop, seconds)))

    threads = {seconds: threading.Thread(target=work, args=[seconds]) for seconds in (10, 20, 30)}
    for thread in threads.values():
        thread.start()
    assert clock.wait_for_waiters(3)
    clock.advance(20)
    threads[10].join(10)
    threads[20].join(10)
    assert sorted(woken) == [(10, False), (20, False)]
    assert threads[30].is_alive()
    clock.advance(10)
    threads[30].join(10)
    assert woken[-1] == (30, False)


def test_stop_ends_a_wait_on_a_clock_that_stands_still():
    """Setting stop wakes a waiter although no time passes, and the wait says so."""
    clock, stop, results = FakeClock(), threading.Event(), []
    thread = threading.Thread(target=lambda: results.append(clock.wait(stop, 3600)))
    thread.start()
    assert clock.wait_for_waiters()
    stop.set()
    thread.join(10)
    assert results == [True]


def test_wait_for_waiters_gives_up():
    """Where nobody comes to wait, wait_for_waiters says so after its time."""
    assert FakeClock().wait_for_waiters(1, timeout=0.01) is False


def test_scaled_clock_runs_fast_from_its_start():
    """A ScaledClock passes many seconds in a short wait, from the time it was given."""
    clock = ScaledClock(start=1_700_000_000, speed=10_000)
    assert clock.wait(threading.Event(), 100) is False
    assert clock.monotonic() >= 100
    assert clock.time() >= 1_700_000_100


def test_scaled_clock_tells_of_stop():
    """A wait on a ScaledClock returns true at once when stop is set."""
    stop = threading.Event()
    stop.set()
    assert ScaledClock(0, 1).wait(stop, 3600) is True


def test_scaled_clock_refuses_to_stand_still():
    """A speed of nought is refused when the clock is made."""
    with pytest.raises(ValueError, match="above 0"):
        ScaledClock(0, 0)
