"""The window planner: closed, settled hours, said explicitly."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_kubecost.receivers.kubecost.window import (
    HOUR,
    NAMED_WINDOWS,
    Window,
    parse_time,
    plan,
)

TWENTY_MINUTES = 20 * 60


def test_window_ends_at_the_last_settled_hour():
    """At 11:47 with 20 minutes to settle a day ends at 11:00."""
    window = plan(parse_time("2026-11-23T11:47:30Z"), 24 * HOUR, TWENTY_MINUTES)
    assert str(window) == "2026-11-22T11:00:00Z,2026-11-23T11:00:00Z"
    assert window.hours == 24


def test_an_hour_that_has_not_settled_is_left_out():
    """At 11:19:59 the hour from 10 to 11 is not complete yet, at 11:20:00 it is."""
    before = plan(parse_time("2026-11-23T11:19:59Z"), HOUR, TWENTY_MINUTES)
    after = plan(parse_time("2026-11-23T11:20:00Z"), HOUR, TWENTY_MINUTES)
    assert str(before) == "2026-11-23T09:00:00Z,2026-11-23T10:00:00Z"
    assert str(after) == "2026-11-23T10:00:00Z,2026-11-23T11:00:00Z"


@pytest.mark.parametrize(
    ("now", "name", "window"),
    [
        ("2026-03-01T00:19:00Z", "today", "2026-02-28T00:00:00Z,2026-02-28T23:00:00Z"),
        ("2026-03-01T00:20:00Z", "today", "2026-02-28T00:00:00Z,2026-03-01T00:00:00Z"),
        ("2026-03-01T01:20:00Z", "today", "2026-03-01T00:00:00Z,2026-03-01T01:00:00Z"),
        ("2026-03-01T00:19:00Z", "yesterday", "2026-02-27T00:00:00Z,2026-02-28T00:00:00Z"),
        ("2026-03-01T00:20:00Z", "yesterday", "2026-02-28T00:00:00Z,2026-03-01T00:00:00Z"),
        ("2026-03-01T01:19:00Z", "month", "2026-02-01T00:00:00Z,2026-03-01T00:00:00Z"),
        ("2026-03-01T01:20:00Z", "month", "2026-03-01T00:00:00Z,2026-03-01T01:00:00Z"),
        ("2028-03-01T00:30:00Z", "month", "2028-02-01T00:00:00Z,2028-03-01T00:00:00Z"),
    ],
)
def test_windows_by_name_are_of_the_last_settled_hour(now, name, window):
    """A day and a month begin when their first hour has settled, and are whole until then."""
    assert str(plan(parse_time(now), name, TWENTY_MINUTES)) == window


def test_a_fresh_window_ends_with_ten_minutes():
    """At 11:47 with 5 minutes to settle the last closed ten minutes ended at 11:40."""
    window = plan(parse_time("2026-11-23T11:47:30Z"), HOUR, 300, step=600)
    assert str(window) == "2026-11-23T10:40:00Z,2026-11-23T11:40:00Z"


@given(st.floats(3e6, 4e9), st.sampled_from(NAMED_WINDOWS), st.floats(0, 86_400))
def test_windows_by_name_are_never_empty_and_always_closed(now, name, settle):
    """Whatever the time, there is a window, and it ends before the settle delay."""
    window = plan(now, name, settle)
    assert window.start < window.end <= now - settle
    assert window.start % (24 * HOUR) == 0


@given(st.floats(0, 4e9), st.integers(1, 24 * 31), st.floats(0, 86_400))
def test_no_window_ends_in_the_future_or_between_hours(now, hours, settle):
    """Whatever the time, a window ends on an hour that closed at least the settle delay ago."""
    window = plan(now, hours * HOUR, settle)
    assert window.end % HOUR == 0
    assert window.end <= now - settle < window.end + HOUR
    assert window.hours == hours


@given(st.integers(1, 1_000_000).map(lambda hour: hour * HOUR))
def test_a_window_is_written_as_the_api_reads_it(end):
    """Whole seconds and a literal Z: the API refuses fractions and +00:00 (OneUptime PR 2840)."""
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    text = str(Window(end - HOUR, end))
    assert re.fullmatch(f"{stamp},{stamp}", text)
    assert [parse_time(part) for part in text.split(",")] == [end - HOUR, end]


def test_times_that_are_none_are_not_invented():
    """The API writes the text "null" for an open end; offsets other than Z are understood."""
    assert parse_time(None) is None
    assert parse_time("null") is None
    assert parse_time("2026-11-23T12:00:00+01:00") == parse_time("2026-11-23T11:00:00Z")
