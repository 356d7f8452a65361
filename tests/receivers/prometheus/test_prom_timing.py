"""Targets have their own place in each interval, and times go by it."""

from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.receivers.prometheus.timing import first_time, time_of_scrape

IDENTITIES = st.integers(0, 2**128 - 1).map(lambda number: f"{number:032x}")
INTERVALS = st.integers(1, 3_600_000)
NOWS = st.integers(10**12, 2 * 10**12)


@given(IDENTITIES, INTERVALS, NOWS, NOWS)
def test_the_first_time_is_within_an_interval_and_on_one_grid(identity, interval, now, later):
    """Whenever the process began: a restart goes on with the same times."""
    first, second = first_time(identity, interval, now), first_time(identity, interval, later)
    assert now < first <= now + interval
    assert (second - first) % interval == 0


def test_targets_are_spread():
    """A hundred of them begin at nearly as many different moments of a minute."""
    firsts = {first_time(f"{7919**number:x}", 60_000, 10**12) for number in range(100)}
    assert len(firsts) > 90


@given(NOWS, st.integers(200, 3_600_000), st.integers(0, 10**7))
def test_what_is_late_by_two_milliseconds_is_in_time(planned, interval, late):
    """Else the time is the real one, and what went by meanwhile is left out."""
    now = planned + late
    time, due = time_of_scrape(planned, interval, now)
    assert due <= now < due + interval
    assert (due - planned) % interval == 0
    assert time == (due if now - due <= 2 else now)


@given(NOWS, st.integers(200, 3_600_000), st.integers(3, 10**9))
def test_a_clock_that_was_set_back_is_followed(planned, interval, back):
    """Nothing is scraped ahead of it."""
    now = planned - back
    assert time_of_scrape(planned, interval, now) == (now, now)


def test_short_intervals_have_less_tolerance():
    """One percent at most, as in Prometheus."""
    assert time_of_scrape(1000, 100, 1001) == (1000, 1000)
    assert time_of_scrape(1000, 100, 1002) == (1002, 1000)
