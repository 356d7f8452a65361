"""What will be lost is said before it is."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.exporters.sending.forecast import STEPS, Forecast
from otel_kubecost.testing import FakeClock

DAY = 86_400.0
START = 1_790_000_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


def said(caplog) -> list[str]:
    return [record.message for record in caplog.records]


def test_half_of_the_time_is_gone(clock, caplog):
    """A line at 50, 75 and 90 percent of the retention, each once, with what is left of it."""
    forecast = Forecast(clock, 10 * DAY, exporter="cloudtuner")
    for _ in range(20):
        clock.advance(DAY / 2)
        forecast.look(START * 1000, 0.0)
        forecast.look(START * 1000, 0.0)
    assert said(caplog) == [
        "In 5.0 days the oldest samples will be too old and dropped",
        "In 2.5 days the oldest samples will be too old and dropped",
        "In 24.0 h the oldest samples will be too old and dropped",
    ]
    assert {record.exporter for record in caplog.records} == {"cloudtuner"}
    assert all("raise retention" in record.hint for record in caplog.records)


def test_the_room_is_going(clock, caplog):
    """A line at each step, with when it will be full at the rate of this outage."""
    forecast = Forecast(clock, 0.0)
    for filled in (0.1, 0.3, 0.5, 0.7, 0.8, 0.96, 0.97):
        forecast.look(START * 1000, filled)
        clock.advance(3600)
    assert said(caplog) == [
        "The queue is 50% full, and will be in 2.5 h",
        "The queue is 80% full, and will be in 69 min",
        "The queue is 96% full, and will be in 14 min",
    ]
    assert all("max_bytes" in record.hint for record in caplog.records)


def test_what_is_too_full_will_not_be_full_later(clock, caplog):
    """Two large batches may be more than the capacity: no time is promised then."""
    forecast = Forecast(clock, 0.0)
    forecast.look(None, 0.1)
    clock.advance(60)
    forecast.look(None, 2.4)
    assert said(caplog) == ["The queue is 100% full"]


def test_the_first_look_knows_no_rate(clock, caplog):
    """An agent that starts with a backlog says how full it is and promises nothing."""
    Forecast(clock, 0.0).look(None, 0.76)
    assert said(caplog) == ["The queue is 76% full"]


def test_what_is_too_old_already_is_not_foretold(clock, caplog):
    """It is dropped, which has a line of its own."""
    forecast = Forecast(clock, 60.0)
    clock.advance(61)
    forecast.look(START * 1000, 0.0)
    assert said(caplog) == []


@pytest.mark.parametrize(("oldest", "max_age"), [(None, 60.0), (0, 60.0), (START * 1000, 0.0)])
def test_without_an_age_nothing_is_foretold(clock, caplog, oldest, max_age):
    """Requests without samples have no time, and no retention is for ever."""
    clock.advance(59)
    Forecast(clock, max_age).look(oldest, 0.0)
    assert said(caplog) == []


def test_the_next_outage_is_another(clock, caplog):
    """After something was delivered all is said again, at the rate of the new outage."""
    forecast = Forecast(clock, 100.0)
    for _ in range(2):
        first = clock.time() * 1000
        forecast.look(round(first), 0.1)
        clock.advance(60)
        forecast.look(round(first), 0.5)
        forecast.over()
        clock.advance(DAY)
    assert (
        said(caplog)
        == [
            "In 1 min the oldest samples will be too old and dropped",
            "The queue is 50% full, and will be in 1 min",
        ]
        * 2
    )


@given(looks=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 200)), max_size=30))
def test_an_outage_has_a_line_a_step_at_most(looks):
    """However often it looks, and however the room changes."""
    clock, lines = FakeClock(START), []
    forecast = Forecast(clock, 1000.0)
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("otel_kubecost").addHandler(handler)
    try:
        for filled, seconds in looks:
            forecast.look(START * 1000, filled)
            clock.advance(seconds)
    finally:
        logging.getLogger("otel_kubecost").removeHandler(handler)
    of_room = [line for line in lines if "full" in line]
    assert len(of_room) <= len(STEPS)
    assert len(lines) - len(of_room) <= len(STEPS)
